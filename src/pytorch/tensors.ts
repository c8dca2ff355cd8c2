import { BertError, quote } from "../errors.ts";
import { byteLengthOf, DTYPE_BITS, type Dtype } from "../safetensors/dtype.ts";
import { formatShape, sizeOf } from "../tensor/tensor.ts";
import { describe, PickleGlobal, type PickleHost } from "./pickle.ts";

/** Numbers that tensors are windows on. Tied weights share one. */
export class Storage {
  /** Its name among the storages of the file. */
  readonly key: string;
  /** null: bytes, and each tensor on it says its dtype. */
  readonly dtype: Dtype | null;
  /** Elements, or bytes where dtype is null. */
  readonly length: number;

  constructor(key: string, dtype: Dtype | null, length: number) {
    this.key = key;
    this.dtype = dtype;
    this.length = length;
  }

  get byteLength(): number {
    return this.length * (this.dtype === null ? 1 : DTYPE_BITS[this.dtype] / 8);
  }
}

/** A tensor as torch.save describes it: element [i, j, …] is storage[offset + i·stride[0] + j·stride[1] + …]. */
export class StoredTensor {
  readonly storage: Storage;
  readonly dtype: Dtype;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];

  constructor(storage: Storage, dtype: Dtype, offset: number, shape: readonly number[], stride: readonly number[]) {
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
    this.shape = shape;
    this.stride = stride;
  }

  /** The elements of the storage from the tensor's first to its last. */
  get span(): number {
    if (this.shape.includes(0)) return 0;
    return 1 + this.shape.reduce((last, n, i) => last + (n - 1) * this.stride[i], 0);
  }

  /** Whether the elements lie in the storage in their own order, without gaps. */
  get isContiguous(): boolean {
    let step = 1;
    for (let i = this.shape.length - 1; i >= 0; i--) {
      if (this.shape[i] !== 1 && this.stride[i] !== step) return sizeOf(this.shape) === 0;
      step *= this.shape[i];
    }
    return true;
  }
}

/** A checkpoint's pickle, read: what it holds, and where its storages are in the file. */
export interface Checkpoint {
  readonly value: unknown;
  readonly storages: ReadonlyMap<Storage, StoragePlace>;
  readonly littleEndian: boolean;
}

/** Where a storage's bytes are. */
export interface StoragePlace {
  readonly name: string;
  readonly byteOffset: number;
  readonly byteLength: number;
  /** CRC-32 of its bytes; null in a file that has none. */
  readonly crc: number | null;
}

/**
 * Far more than a checkpoint's pickle has: BERT-large's 40 kB. What is built of one takes some 20 times as much memory.
 */
export const MAX_PICKLE_BYTES: number = 1 << 24;

/**
 * PyTorch's names of the dtypes that safetensors has too, and those of the storages that older releases have for them.
 */
const DTYPES: readonly (readonly [dtype: string, storage: string | null, Dtype])[] = [
  ["float32", "FloatStorage", "F32"],
  ["float16", "HalfStorage", "F16"],
  ["bfloat16", "BFloat16Storage", "BF16"],
  ["float64", "DoubleStorage", "F64"],
  ["int64", "LongStorage", "I64"],
  ["int32", "IntStorage", "I32"],
  ["int16", "ShortStorage", "I16"],
  ["int8", "CharStorage", "I8"],
  ["uint8", "ByteStorage", "U8"],
  ["bool", "BoolStorage", "BOOL"],
  ["uint16", null, "U16"],
  ["uint32", null, "U32"],
  ["uint64", null, "U64"],
  ["complex64", "ComplexFloatStorage", "C64"],
  ["float8_e4m3fn", null, "F8_E4M3"],
  ["float8_e5m2", null, "F8_E5M2"],
  ["float8_e4m3fnuz", null, "F8_E4M3FNUZ"],
  ["float8_e5m2fnuz", null, "F8_E5M2FNUZ"],
  ["float8_e8m0fnu", null, "F8_E8M0"],
];

/** PyTorch's own limit on the number of a tensor's sizes. */
const MAX_SIZES = 64;

const UNTYPED = "torch.storage.UntypedStorage";

/**
 * What else torch.load(weights_only=True) makes of a pickle (torch/_weights_only_unpickler.py, _get_allowed_globals):
 * values that may stand beside weights, and that no weight is made of. They are not made here, only passed over.
 */
const OTHERS: readonly string[] = [
  ...["builtins", "__builtin__"].flatMap((module) =>
    ["set", "complex", "bytearray"].map((name) => `${module}.${name}`),
  ),
  ...["_codecs.encode", "collections.Counter", "torch.Size", "torch.device", "torch.serialization._get_layout"],
  ...["torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_meta_tensor_no_storage"],
];

/** The most bytes of a tensor that repeats elements of its storage (`expand`), so that a small file stays small. */
const MOST_REPEATED = 1 << 24;

/**
 * What the pickle of a checkpoint may name: dicts, tensors, storages, parameters and dtypes, as torch.save writes them.
 *
 * @param where the file's name, for messages
 * @returns the host, and the storages that the pickle has named so far
 */
export function tensorHost(where: string): PickleHost & { readonly storages: ReadonlyMap<string, Storage> } {
  const fail = (message: string): never => {
    throw new BertError("ERR_CHECKPOINT", `${where}: ${message}`);
  };
  const storages = new Map<string, Storage>();
  const dtypeOf = new Map<unknown, Dtype | null>(); // by the global that stands for it
  const globals = new Map<string, PickleGlobal>();
  const add = (name: string, call?: (args: readonly unknown[]) => unknown): PickleGlobal => {
    const global = new PickleGlobal(name, call);
    globals.set(name, global);
    return global;
  };

  for (const [dtype, storage, ours] of DTYPES) {
    dtypeOf.set(add(`torch.${dtype}`), ours);
    if (storage) dtypeOf.set(add(`torch.${storage}`), ours);
  }
  dtypeOf.set(add(UNTYPED), null);
  add("collections.OrderedDict", (args) => (args.length === 0 ? new Map() : fail("an OrderedDict must start empty")));

  const rebuild = ([storage, offset, shape, stride]: readonly unknown[], dtype: Dtype | null): StoredTensor => {
    if (!(storage instanceof Storage)) return fail(`a tensor must have a storage, has ${describe(storage)}`);
    const own = dtype ?? storage.dtype ?? fail("a tensor on bytes must have a dtype");
    return checkedTensor(storage, own, offset, shape, stride, fail);
  };
  add("torch._utils._rebuild_tensor", (args) => rebuild(args, null));
  add("torch._utils._rebuild_tensor_v2", (args) => rebuild(args, null));
  add("torch._utils._rebuild_tensor_v3", (args) =>
    rebuild(args, dtypeOf.get(args[6]) ?? fail("a tensor must have a dtype")),
  );
  for (const name of ["_rebuild_parameter", "_rebuild_parameter_with_state"]) {
    add(`torch._utils.${name}`, ([data]) =>
      data instanceof StoredTensor ? data : fail(`a parameter must be a tensor, is ${describe(data)}`),
    );
  }
  for (const name of OTHERS) add(name, () => new PickleGlobal(`a ${name.replace(/^.*\./, "")}`));

  return {
    globals,
    storages,
    persistentLoad(id) {
      if (!Array.isArray(id)) return fail(`a persistent id must be a tuple, is ${describe(id)}`);
      const [kind, type, key, , length, view] = id;
      const dtype = dtypeOf.get(type);
      const known = type instanceof PickleGlobal && dtype !== undefined && type.name.endsWith("Storage");
      if (kind !== "storage" || !known || typeof key !== "string" || !isCount(length) || (view ?? null) !== null)
        return fail(`a persistent id must be ("storage", a type of storage, key, device, length), is not`);
      const other = storages.get(key);
      if (other && (other.dtype !== dtype || other.length !== length))
        return fail(`storage ${quote(key)} is described in two ways`);
      const storage = other ?? new Storage(key, dtype, length);
      storages.set(key, storage);
      return storage;
    },
  };
}

type Fail = (message: string) => never;

/** @throws BertError ERR_CHECKPOINT a tensor that is not inside its storage, or would take more memory than it */
function checkedTensor(
  storage: Storage,
  dtype: Dtype,
  offset: unknown,
  shape: unknown,
  stride: unknown,
  fail: Fail,
): StoredTensor {
  const what = `a tensor on storage ${quote(storage.key)}`;
  if (!isCount(offset) || !isCounts(shape) || !isCounts(stride) || shape.length !== stride.length)
    return fail(
      `${what}: offset, shape and stride must be whole numbers from 0, a stride for each of at most ${MAX_SIZES} sizes`,
    );
  const tensor = new StoredTensor(storage, dtype, offset, shape, stride);
  const form = `shape ${formatShape(shape)} with stride ${formatShape(stride)}`;
  const bytes = byteLengthOf(dtype, shape);
  if (typeof bytes === "string") return fail(`${what}: ${form} ${bytes}`);
  const width = DTYPE_BITS[dtype] / 8;
  if ((storage.dtype ?? dtype) !== dtype)
    return fail(`${what} of ${storage.dtype} must be ${storage.dtype}, is ${dtype}`);
  // In float64, and rounded only beyond 2^53, where no storage is.
  if ((offset + tensor.span) * width > storage.byteLength)
    return fail(`${what}: ${form} from ${offset} on must stay within its ${storage.byteLength / width} elements`);
  if (bytes > storage.byteLength && bytes > MOST_REPEATED)
    return fail(`${what}: ${form} must not repeat elements to more than ${MOST_REPEATED} bytes, takes ${bytes}`);
  return tensor;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MAX_SIZES && value.every(isCount);
}
