import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openFile } from "../../src/disk/files.ts";
import { openWeights, saveSafetensors } from "../../src/load/weightFiles.ts";
import { syntheticWeights } from "../support/synthetic.ts";

const folder = mkdtempSync(join(tmpdir(), "plainbert-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a sparse file of 3 GiB is read tensor by tensor, in the memory of one tensor", async () => {
  const elements = 1 << 24; // 64 MiB of float32
  const count = 48;
  const path = join(folder, "sparse.safetensors");
  const entries = Array.from({ length: count }, (_, n) => [
    `layer.${n}`,
    { dtype: "F32", shape: [elements], data_offsets: [n * elements * 4, (n + 1) * elements * 4] },
  ]);
  const json = JSON.stringify(Object.fromEntries(entries));
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, "w");
  const dataStart = writeSync(file, length) + writeSync(file, header);
  ftruncateSync(file, dataStart + count * elements * 4);
  for (let n = 0; n < count; n++) {
    for (const index of [0, elements - 1]) {
      const value = Buffer.alloc(4);
      value.writeFloatLE(n + 1 + index / elements);
      writeSync(file, value, 0, 4, dataStart + (n * elements + index) * 4);
    }
  }
  closeSync(file);

  const target = new Float32Array(elements).fill(1);
  const weights = await openWeights(path);
  const before = process.memoryUsage.rss();
  let peak = before;
  for (let n = 0; n < count; n++) {
    await weights.readInto(`layer.${n}`, target);
    peak = Math.max(peak, process.memoryUsage.rss());
    expect([target[0], target[1], target[elements - 2], target[elements - 1]]).toEqual([
      n + 1,
      0,
      0,
      Math.fround(n + 1 + (elements - 1) / elements),
    ]);
  }
  await weights.close();
  expect(weights.tensors.size).toBe(count);
  expect(peak - before).toBeLessThan(64 * 2 ** 20);
});

test("a tensor of more than 2 GiB is written and read: more than one call to the system can take", async () => {
  const path = join(folder, "large.safetensors");
  const length = 2 ** 29 + 5;
  const data = new Float32Array(length);
  const marks = [0, 2 ** 28 - 1, 2 ** 28, 2 ** 29 - 1, 2 ** 29, length - 1];
  for (const index of marks) data[index] = index + 1;
  await saveSafetensors(path, [["x", { shape: [length], data }]]);
  data.fill(-1);
  const weights = await openWeights(path);
  await weights.readInto("x", data);
  await weights.close();
  expect(marks.map((index) => data[index])).toEqual(marks.map((index) => Math.fround(index + 1)));
  let zeros = 0;
  for (const x of data) if (x === 0) zeros++;
  expect(zeros).toBe(length - marks.length);
});

test("float16 in a file decodes without a second copy of the tensor", async () => {
  const path = join(folder, "half.safetensors");
  const length = 1 << 26;
  const values = syntheticWeights("x", length);
  await saveSafetensors(path, [["x", { dtype: "F16", shape: [length], data: values }]]);
  const target = new Float32Array(length).fill(1);
  const file = await openFile(path);
  expect(file.size).toBe(8 + 72 + length * 2);
  await file.close();
  const weights = await openWeights(path);
  const before = process.memoryUsage.rss();
  await weights.readInto("x", target);
  expect(process.memoryUsage.rss() - before).toBeLessThan(16 * 2 ** 20); // the tensor has 128 MiB
  await weights.close();
  const wrong = target.findIndex((x, i) => !(Math.abs(x - values[i]) <= Math.abs(values[i]) * 2 ** -11 + 2 ** -25));
  expect(wrong).toBe(-1);
});
