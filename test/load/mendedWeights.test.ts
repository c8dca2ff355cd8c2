import { describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { openMended } from "../../src/load/mendedWeights.ts";
import type { Weights } from "../../src/safetensors/safetensorsReader.ts";

const damaged = (message = "damaged") => new BertError("ERR_CHECKPOINT", message);

/** What is kept: weights whose header, or whose tensors, are damaged until they are mended. */
class Kept {
  isWhole = false;
  mends = 0;
  open = 0;
  readonly where: "header" | "tensors";

  constructor(where: "header" | "tensors") {
    this.where = where;
  }

  readonly weights = async (): Promise<Weights> => {
    const whole = this.isWhole;
    if (!whole && this.where === "header") throw damaged();
    this.open++;
    return {
      ...{ tensors: new Map(), metadata: new Map(), files: ["f"] },
      readInto: async (name, target) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (name === "none") throw damaged("no such tensor");
        target.fill(whole ? 1 : 9);
        if (!whole) throw damaged();
      },
      close: async () => void this.open--,
    };
  };

  readonly mend = async (): Promise<boolean> => {
    this.mends++;
    if (this.isWhole) return false;
    this.isWhole = true;
    return true;
  };
}

describe.each(["header", "tensors"] as const)("weights whose %s are damaged", (where) => {
  test("are mended once, whatever is read at the same time, and closed", async () => {
    const kept = new Kept(where);
    const weights = await openMended(kept.weights, kept.mend);
    const targets = Array.from({ length: 5 }, () => new Float32Array(3));
    await Promise.all(targets.map((target) => weights.readInto("x", target)));
    for (const target of targets) expect([...target]).toEqual([1, 1, 1]);
    expect(kept.mends).toBe(1);
    await expect(weights.readInto("none", new Float32Array(1))).rejects.toThrow("no such tensor");
    expect(kept.mends).toBe(1);
    await weights.close();
    expect(kept.open).toBe(0);
  });

  test("that cannot be mended: the first error", async () => {
    const kept = new Kept(where);
    const use = async () => {
      const weights = await openMended(kept.weights, async () => false);
      await weights.readInto("x", new Float32Array(1)).finally(() => weights.close());
    };
    await expect(use()).rejects.toThrow("damaged");
    expect(kept.open).toBe(0);
  });

  test("whose mending fails: that error", async () => {
    const kept = new Kept(where);
    const use = async () => {
      const weights = await openMended(kept.weights, () => Promise.reject(new Error("offline")));
      await weights.readInto("x", new Float32Array(1));
    };
    await expect(use()).rejects.toThrow("offline");
  });
});

test("another error is no damage", async () => {
  const file = new BertError("ERR_FILE", "gone");
  await expect(
    openMended(
      () => Promise.reject(file),
      () => Promise.reject(new Error("not reached")),
    ),
  ).rejects.toBe(file);
});
