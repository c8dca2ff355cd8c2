import { BertError, listed, quote } from "../errors.ts";
import { isA } from "../realm.ts";
import { DTYPE_BITS } from "../safetensors/dtype.ts";
import type { TensorEntry } from "../safetensors/header.ts";
import { swapBytes } from "../safetensors/numbers.ts";
import { type RandomAccess, readElements, type Weights } from "../safetensors/safetensorsReader.ts";
import { textStart } from "../safetensors/textStart.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { expectIntact, readArchive } from "./archive.ts";
import { readLegacy } from "./legacy.ts";
import { describe } from "./pickle.ts";
import { type Checkpoint, type Storage, type StoragePlace, StoredTensor } from "./tensors.ts";

/**
 * Opens a checkpoint that PyTorch's `torch.save(model.state_dict(), …)` wrote, such as `pytorch_model.bin`: a zip file
 * with a pickle and the tensors' numbers or, before PyTorch 1.6, pickles with the numbers behind them. Nothing in it is
 * run: the pickle may contain dicts, numbers, texts and tensors, and anything else is refused. Reads the description
 * alone; afterwards one tensor at a time. A storage's checksum is compared the first time that a tensor of it is read.
 *
 * `tensors` are in the order of the dict; a tensor's `byteOffset` is its first element's, and its bytes from there on
 * are the tensor only where it is contiguous and the file is little-endian. On an error the source stays open; it is
 * the caller's until this succeeds.
 *
 * @throws BertError ERR_CHECKPOINT naming the file and what is wrong: no such file, broken off, an opcode or name that
 *   tensors do not need, a tensor outside of its storage, a value that is no tensor
 */
export async function openPytorch(source: RandomAccess): Promise<Weights> {
  const { value, storages, littleEndian } = await readCheckpoint(source);
  const stored = stateDict(value, source.name);
  const tensors = new Map<string, TensorEntry>();
  for (const [name, tensor] of stored) {
    const width = DTYPE_BITS[tensor.dtype] / 8;
    const { byteOffset } = storages.get(tensor.storage) as StoragePlace;
    tensors.set(name, {
      name,
      dtype: tensor.dtype,
      shape: tensor.shape,
      byteOffset: byteOffset + tensor.offset * width,
      byteLength: sizeOf(tensor.shape) * width,
    });
  }
  const intact = new Map<Storage, Promise<void>>();
  return {
    tensors,
    metadata: new Map(),
    files: [source.name],
    async readInto(name, target, decoder) {
      const tensor = stored.get(name);
      if (!tensor) throw new BertError("ERR_CHECKPOINT", `${source.name}: no tensor is named ${quote(String(name))}`);
      const { storage } = tensor;
      if (!intact.has(storage)) intact.set(storage, expectIntact(source, storages.get(storage) as StoragePlace));
      await intact.get(storage);
      const entry = tensors.get(name) as TensorEntry;
      const bytes = littleEndian ? source : swapping(source, DTYPE_BITS[entry.dtype] / 8);
      if (tensor.isContiguous) await readElements(bytes, entry, target, decoder);
      else await readStrided(bytes, entry, tensor, target);
    },
    close: () => source.close(),
  };
}

async function readCheckpoint(source: RandomAccess): Promise<Checkpoint> {
  const start = new Uint8Array(Math.min(8, source.size));
  await source.read(start, 0);
  if (start[0] === 0x50 && start[1] === 0x4b) return readArchive(source); // "PK"
  if (start[0] === 0x80) return readLegacy(source); // PROTO
  throw new BertError(
    "ERR_CHECKPOINT",
    `${source.name}: is not a file of torch.save: it is ${textStart(start) ?? "neither a zip file nor a pickle"}`,
  );
}

/**
 * The tensors of a state dict. What else a program has put among them, such as a count of steps, is left alone.
 *
 * @throws BertError ERR_CHECKPOINT it has no tensor
 */
function stateDict(value: unknown, where: string): Map<string, StoredTensor> {
  const fail = (held: string): never => {
    throw new BertError(
      "ERR_CHECKPOINT",
      `${where}: must hold a dict of tensors, as model.state_dict() gives, holds ${held}`,
    );
  };
  if (!isA(value, "Map")) return fail(describe(value));
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of value)
    if (typeof name === "string" && tensor instanceof StoredTensor) tensors.set(name, tensor);
  if (tensors.size > 0 || value.size === 0) return tensors;
  return fail(listed(Array.from(value, ([name, other]) => `${quote(String(name))}, which is ${describe(other)}`)));
}

/** A source whose elements are big-endian, as one in which they are little-endian. */
function swapping(source: RandomAccess, width: number): RandomAccess {
  return {
    ...source,
    async read(target, position) {
      await source.read(target, position);
      swapBytes(target, width);
    },
  };
}

/** Reads all that lies between the first element and the last, then picks the elements. */
async function readStrided(
  source: RandomAccess,
  entry: TensorEntry,
  tensor: StoredTensor,
  target: Float32Array,
): Promise<void> {
  const { span, shape, stride } = tensor;
  const length = sizeOf(shape);
  if (target.length !== length)
    throw new BertError(
      "ERR_SHAPE",
      `${source.name}: tensor ${quote(entry.name)}: target must have ${length} elements, got ${target.length}`,
    );
  const spread = new Float32Array(span);
  await readElements(source, { ...entry, shape: [span], byteLength: (span * DTYPE_BITS[entry.dtype]) / 8 }, spread);
  const index = shape.map(() => 0);
  for (let i = 0, from = 0; i < length; i++) {
    target[i] = spread[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += stride[axis];
      if (++index[axis] < shape[axis]) break;
      from -= stride[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}
