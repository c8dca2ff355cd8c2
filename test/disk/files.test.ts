import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openFile, readText, writeFileAtomically } from "../../src/disk/files.ts";
import { openModelFolder, openWeights, saveSafetensors } from "../../src/load/weightFiles.ts";
import { readSafetensors, type TensorToWrite, writeSafetensors } from "../../src/safetensors/index.ts";

/**
 * Set by a test: a path that may not be opened; what becomes of the handle of a file that is read, and of that of the
 * next temporary file.
 */
const disk = vi.hoisted(() => ({
  denied: "",
  opened: undefined as undefined | ((handle: FileHandle) => FileHandle),
  fault: undefined as undefined | ((handle: FileHandle) => FileHandle | Promise<FileHandle>),
}));
vi.mock("node:fs/promises", async (load) => {
  const real = await load<typeof import("node:fs/promises")>();
  const open = async (...args: Parameters<typeof real.open>) => {
    if (args[0] === disk.denied) throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
    const handle = await real.open(...args);
    if (disk.opened && args[1] === "r") return disk.opened(handle);
    return disk.fault && args[1] === "wx" ? disk.fault(handle) : handle;
  };
  return { ...real, open };
});

const reference = join(import.meta.dirname, "..", "reference");
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "plainbert-files-"));
});
afterEach(() => {
  disk.opened = undefined;
  disk.fault = undefined;
  disk.denied = "";
  rmSync(folder, { recursive: true, force: true });
});
const at = (...parts: string[]) => join(folder, ...parts);
const fileError = (message: string | RegExp) =>
  expect.objectContaining({
    name: "BertError",
    code: "ERR_FILE",
    message: typeof message === "string" ? message : expect.stringMatching(message),
  });

describe("readText", () => {
  test("a text that does not fit into memory is refused by its path, and closed", async () => {
    writeFileSync(at("x"), "");
    truncateSync(at("x"), 2 ** 43); // a hole, which takes no room on the disk
    const close = vi.fn();
    disk.opened = (handle) => {
      close.mockImplementation(handle.close.bind(handle));
      return Object.assign(handle, { close });
    };
    await expect(readText(at("x"))).rejects.toEqual(fileError(`readText: ${at("x")}: does not fit into memory`));
    expect(close).toHaveBeenCalledOnce();
  });
});

describe("openFile", () => {
  test("reads parts together where the handle cannot, as Yarn's of an archive, and tells the system's errors", async () => {
    writeFileSync(at("x"), new Uint8Array([1, 2, 3, 4, 5, 6]));
    const readBoth = async (readv: () => never) => {
      disk.opened = (handle) => Object.assign(handle, { readv });
      const file = await openFile(at("x"));
      const [first, second] = [new Uint8Array(2), new Uint8Array(3)];
      await Promise.all([file.read(first, 0), file.read(second, 2)]).finally(() => file.close());
      return [...first, ...second];
    };
    const notImplemented = () => {
      throw new Error("Method not implemented.");
    };
    expect(await readBoth(notImplemented)).toEqual([1, 2, 3, 4, 5]);
    const broken = () => {
      throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
    };
    await expect(readBoth(broken)).rejects.toEqual(fileError(/^read: .*x: .*EIO/));
  });

  test("reads any part of a file", async () => {
    writeFileSync(at("x"), new Uint8Array([1, 2, 3, 4, 5]));
    const file = await openFile(at("x"));
    expect([file.name, file.size]).toEqual([at("x"), 5]);
    const target = new Uint8Array(3);
    await file.read(target, 2);
    expect([...target]).toEqual([3, 4, 5]);
    const shared = new Uint8Array(new SharedArrayBuffer(4), 1, 2);
    await file.read(shared, 0);
    expect([...new Uint8Array(shared.buffer)]).toEqual([0, 1, 2, 0]);
    await file.read(new Uint8Array(0), 5);
    await file.close();
    await expect(file.read(target, 0)).rejects.toThrow(fileError(/^read: .*x: /));
  });

  test("a file that is cut off after it was opened", async () => {
    writeFileSync(at("x"), new Uint8Array(100));
    const file = await openFile(at("x"));
    truncateSync(at("x"), 60);
    await expect(file.read(new Uint8Array(50), 40)).rejects.toThrow(
      fileError(`read: ${at("x")}: ends at byte 60, before byte 90`),
    );
    await file.close();
  });

  test("what is missing, a folder, or below a file", async () => {
    writeFileSync(at("x"), "");
    await expect(openFile(at("y"))).rejects.toThrow(fileError(`openFile: ${at("y")}: no such file or folder`));
    await expect(openFile(folder)).rejects.toThrow(fileError(`openFile: ${folder}: must be a file, is a folder`));
    await expect(openFile(at("x", "y"))).rejects.toThrow(fileError(/a part of the path is a file, not a folder/));
    await expect(openFile("a\0b")).rejects.toThrow(fileError(/^openFile: /));
  });

  test.skipIf(process.platform === "win32")("a pipe, which would block", async () => {
    execFileSync("mkfifo", [at("pipe")]);
    await expect(openFile(at("pipe"))).rejects.toThrow(fileError(/must be a file, is a device, a pipe or a socket/));
  });

  test("without permission (as the system refuses it; a superuser is never refused)", async () => {
    writeFileSync(at("x"), "");
    disk.denied = at("x");
    await expect(openFile(at("x"))).rejects.toThrow(fileError(`openFile: ${at("x")}: permission denied`));
  });
});

describe("openWeights", () => {
  const tiny = join(reference, "tiny");
  const copy = (...names: string[]) => {
    for (const name of names) writeFileSync(at(name), readFileSync(join(tiny, name)));
  };
  const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const whole = readSafetensors(readFileSync(join(tiny, "model.safetensors")));

  test.each<[string, string[], string, string[]]>([
    ["a file", ["model.safetensors"], "model.safetensors", ["model.safetensors"]],
    ["an index", ["model.safetensors.index.json", ...shards], "model.safetensors.index.json", shards],
    [
      "a folder with a file, which goes before an index",
      ["model.safetensors", "model.safetensors.index.json"],
      "",
      ["model.safetensors"],
    ],
    ["a folder with an index", ["model.safetensors.index.json", ...shards], "", shards],
  ])("%s", async (_, names, path, files) => {
    copy(...names);
    const weights = await openWeights(at(path));
    expect(weights.files).toEqual(files.map((name) => at(name)));
    expect(new Set(weights.tensors.keys())).toEqual(new Set(whole.tensors.keys()));
    for (const { name, shape } of whole.tensors.values()) {
      const target = new Float32Array(shape.reduce((p, n) => p * n, 1));
      await weights.readInto(name, target);
      expect(target).toEqual(whole.toFloat32(name));
    }
    await weights.close();
    await expect(weights.readInto("cls.predictions.bias", new Float32Array(211))).rejects.toThrow(fileError(/^read: /));
  });

  test("the tiny model in float16 and bfloat16 is the float32 one rounded", async () => {
    for (const [name, relative] of [
      ["float16", 2 ** -11],
      ["bfloat16", 2 ** -8],
    ] as const) {
      const weights = await openWeights(join(tiny, `model.${name}.safetensors`));
      expect(weights.tensors.size).toBe(46);
      for (const { name: key } of weights.tensors.values()) {
        const want = whole.toFloat32(key);
        const got = new Float32Array(want.length);
        await weights.readInto(key, got);
        const wrong = got.findIndex((x, i) => !(Math.abs(x - want[i]) <= Math.abs(want[i]) * relative + 2 ** -25));
        expect(wrong, `${name} ${key}`).toBe(-1);
      }
      await weights.close();
    }
  });

  test("safetensors go before PyTorch's file, a file before an index; a folder without any", async () => {
    const names = [
      "model.safetensors",
      "model.safetensors.index.json",
      "pytorch_model.bin",
      "pytorch_model.bin.index.json",
    ];
    for (const name of names) writeFileSync(at(name), "nothing");
    for (const name of names) {
      await expect(openWeights(folder)).rejects.toMatchObject({
        code: "ERR_CHECKPOINT",
        message: expect.stringContaining(`${at(name)}: `),
      });
      rmSync(at(name));
    }
    await expect(openWeights(folder)).rejects.toThrow(
      fileError(
        `openWeights: ${folder}: must hold model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json`,
      ),
    );
    await expect(openWeights(at("nothing"))).rejects.toThrow(
      fileError(`openWeights: ${at("nothing")}: no such file or folder`),
    );
  });

  test("a truncated file, a missing shard, a broken index", async () => {
    copy("model.safetensors.index.json", shards[0]);
    await expect(openWeights(folder)).rejects.toThrow(fileError(`openFile: ${at(shards[1])}: no such file or folder`));
    writeFileSync(at("model.safetensors.index.json"), "{");
    await expect(openWeights(folder)).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringContaining(at("model.safetensors.index.json")),
    });
    writeFileSync(at("model.safetensors"), readFileSync(join(tiny, "model.safetensors")).subarray(0, 100_000));
    await expect(openWeights(folder)).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringMatching(/model\.safetensors: .*truncated/),
    });
  });

  test("an index cannot lead out of its folder", async () => {
    writeFileSync(at("secret.safetensors"), readFileSync(join(tiny, "model.safetensors")));
    mkdirSync(at("model"));
    writeFileSync(
      at("model", "model.safetensors.index.json"),
      JSON.stringify({ weight_map: { a: "../secret.safetensors" } }),
    );
    await expect(openWeights(at("model"))).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringMatching(/inside the model's folder, got "..\/secret/),
    });
  });
});

describe("openModelFolder", () => {
  test("texts, byte order mark included; null where there is none", async () => {
    writeFileSync(at("vocab.txt"), "\ufeff[PAD]\né\n");
    const model = await openModelFolder(folder);
    expect(model.path).toBe(folder);
    expect(await model.readText("vocab.txt")).toBe("\ufeff[PAD]\né\n");
    expect(await model.readText("config.json")).toBeNull();
    expect(await model.readText(join("vocab.txt", "x"))).toBeNull();
  });

  test("a text that is not UTF-8, or a folder", async () => {
    writeFileSync(at("vocab.txt"), new Uint8Array([0x61, 0xff]));
    mkdirSync(at("config.json"));
    const model = await openModelFolder(folder);
    await expect(model.readText("vocab.txt")).rejects.toThrow(
      fileError(`readText: ${at("vocab.txt")}: is not UTF-8 text`),
    );
    await expect(model.readText("config.json")).rejects.toThrow(fileError(/must be a file, is a folder/));
  });

  test("a file, or nothing, in the folder's place", async () => {
    writeFileSync(at("x"), "");
    await expect(openModelFolder(at("x"))).rejects.toThrow(
      fileError(`openModelFolder: ${at("x")}: must be a folder, is a file`),
    );
    await expect(openModelFolder(at("y"))).rejects.toThrow(fileError(/no such file or folder/));
  });

  test("weights", async () => {
    const weights = await (await openModelFolder(join(reference, "tiny"))).openWeights();
    expect(weights.tensors.size).toBe(46);
    await weights.close();
  });
});

const bytes = (text: string) => new TextEncoder().encode(text);

describe("writeFileAtomically", () => {
  test("writes a new file, and replaces an old one; nothing else stays in the folder", async () => {
    await writeFileAtomically(at("x"), [bytes("one "), bytes(""), bytes("two")]);
    expect(readFileSync(at("x"), "utf8")).toBe("one two");
    async function* later() {
      yield bytes("three");
    }
    await writeFileAtomically(at("x"), later());
    expect(readFileSync(at("x"), "utf8")).toBe("three");
    await writeFileAtomically(at("empty"), []);
    expect(readdirSync(folder).sort()).toEqual(["empty", "x"]);
  });

  test("a link into the hub's cache is refused: a blob stays what its hash says", async () => {
    const blob = at("blobs", "0123456789".repeat(4));
    mkdirSync(at("blobs"));
    writeFileSync(blob, "old");
    symlinkSync(blob, at("x"));
    await expect(writeFileAtomically(at("x"), [bytes("new")])).rejects.toThrow(
      fileError(`write: ${at("x")}: is a link to a file of the hub's cache, which must stay as it is`),
    );
    expect([readFileSync(at("x"), "utf8"), readdirSync(folder).sort()]).toEqual(["old", ["blobs", "x"]]);
  });

  test("a source that fails leaves the old file alone and is the error", async () => {
    writeFileSync(at("x"), "old");
    async function* failing() {
      yield bytes("new");
      throw new RangeError("no more");
    }
    await expect(writeFileAtomically(at("x"), failing())).rejects.toThrow(new RangeError("no more"));
    expect(readdirSync(folder)).toEqual(["x"]);
    expect(readFileSync(at("x"), "utf8")).toBe("old");
  });

  test.each(["write", "sync", "close"] as const)(
    "a disk that is full at %s: the old file stays, nothing new does",
    async (method) => {
      writeFileSync(at("x"), "old");
      let calls = 0;
      disk.fault = (handle) => {
        const real = handle[method].bind(handle) as (...args: unknown[]) => Promise<unknown>;
        const full = async (...args: unknown[]) => {
          calls++;
          if (method === "write" && calls === 1) return real(...args);
          if (method === "close") await real();
          throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
        };
        return Object.assign(handle, { [method]: full });
      };
      await expect(writeFileAtomically(at("x"), [bytes("new"), bytes("newer")])).rejects.toThrow(
        fileError(`writeFileAtomically: ${at("x")}: the disk is full`),
      );
      expect(calls).toBe(method === "write" ? 2 : 1);
      expect(readdirSync(folder)).toEqual(["x"]);
      expect(readFileSync(at("x"), "utf8")).toBe("old");
    },
  );

  test.skipIf(!existsSync("/dev/full"))("the system's own full disk", async () => {
    const { open } = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
    disk.fault = async (handle) => {
      await handle.close();
      return open("/dev/full", "w");
    };
    await expect(writeFileAtomically(at("x"), [new Uint8Array(100_000)])).rejects.toThrow(
      fileError(/the disk is full/),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a disk that takes a few bytes at a time gets them all", async () => {
    disk.fault = (handle) => {
      const write = handle.write.bind(handle) as (
        b: Uint8Array,
        offset: number,
        length: number,
      ) => Promise<{ bytesWritten: number }>;
      return Object.assign(handle, {
        write: (b: Uint8Array, offset: number, length: number) => write(b, offset, Math.min(length, 3)),
      });
    };
    await writeFileAtomically(at("x"), [bytes("a longer text"), bytes("and more")]);
    expect(readFileSync(at("x"), "utf8")).toBe("a longer textand more");
  });

  test("a folder that is missing, and one in the file's place", async () => {
    await expect(writeFileAtomically(at("no", "x"), [])).rejects.toThrow(
      fileError(`writeFileAtomically: ${at("no", "x")}: there is no folder ${at("no")}`),
    );
    mkdirSync(at("x"));
    await expect(writeFileAtomically(at("x"), [bytes("new")])).rejects.toThrow(
      fileError(/^writeFileAtomically: .*is a folder/),
    );
    expect(readdirSync(folder)).toEqual(["x"]);
  });

  test("through a link, the folder that is missing is that of its target", async () => {
    symlinkSync(at("no", "x"), at("link"));
    await expect(writeFileAtomically(at("link"), [])).rejects.toThrow(
      fileError(`writeFileAtomically: ${at("link")}: there is no folder ${at("no")}`),
    );
  });

  test("a file that is removed while it is written", async () => {
    async function* removing() {
      yield bytes("new");
      for (const name of readdirSync(folder)) rmSync(at(name));
    }
    await expect(writeFileAtomically(at("x"), removing())).rejects.toThrow(
      fileError(`writeFileAtomically: ${at("x")}: was removed while it was being written`),
    );
  });

  test.skipIf(!existsSync("/proc/self"))("a folder that is there, in which the system makes no file", async () => {
    await expect(writeFileAtomically("/proc/x", [])).rejects.toThrow(
      fileError(
        "writeFileAtomically: /proc/x: the folder /proc is there, but the system makes no file of this name in it",
      ),
    );
  });

  test("a process killed while it writes leaves the old file whole", async () => {
    writeFileSync(at("x"), "old");
    const files = pathToFileURL(join(import.meta.dirname, "..", "..", "src", "disk", "files.ts")).href;
    writeFileSync(
      at("child.mjs"),
      `import { writeFileAtomically } from ${JSON.stringify(files)};
       async function* chunks() {
         yield new Uint8Array(1000);
         console.log("half");
         setInterval(() => {}, 1000);
         await new Promise(() => {});
       }
       await writeFileAtomically(${JSON.stringify(at("x"))}, chunks());`,
    );
    const child = spawn(process.execPath, [at("child.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout!, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(readFileSync(at("x"), "utf8")).toBe("old");
    expect(readdirSync(folder).filter((name) => /^\.x\..*\.tmp$/.test(name)).length).toBe(1);
  });
});

describe("saveSafetensors", () => {
  const tensors: [string, TensorToWrite][] = [
    ["b", { shape: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) }],
    ["a", { dtype: "F16", shape: [3], data: () => new Float32Array([0.1, -2, 1e9]) }],
    ["empty", { shape: [0], data: new BigInt64Array(0) }],
  ];

  test("writes the bytes of writeSafetensors", async () => {
    await saveSafetensors(at("x.safetensors"), tensors, [["format", "pt"]]);
    expect(Buffer.compare(readFileSync(at("x.safetensors")), writeSafetensors(tensors, [["format", "pt"]]))).toBe(0);
    expect(readdirSync(folder).map((name) => basename(name))).toEqual(["x.safetensors"]);
  });

  test("refuses before it writes; a tensor that fails later leaves the old file", async () => {
    await expect(saveSafetensors(at("x"), [...tensors, tensors[0]])).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: 'saveSafetensors: tensor "b": given twice',
    });
    expect(readdirSync(folder)).toEqual([]);
    await saveSafetensors(at("x"), tensors);
    const before = readFileSync(at("x"));
    const late: [string, TensorToWrite] = ["z", { dtype: "F32", shape: [2], data: () => new Float32Array(1) }];
    await expect(saveSafetensors(at("x"), [...tensors, late])).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringContaining('tensor "z"'),
    });
    expect(Buffer.compare(readFileSync(at("x")), before)).toBe(0);
    expect(readdirSync(folder)).toEqual(["x"]);
  });
});
