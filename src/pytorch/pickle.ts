import { BertError, quote } from "../errors.ts";
import { isA } from "../realm.ts";

/** What stands for a Python function or class in a pickle: only those that a `PickleHost` knows exist. */
export class PickleGlobal {
  /** Module and name, as `torch.FloatStorage`. */
  readonly name: string;
  /** What calling it gives; absent where it must not be called. */
  readonly call: ((args: readonly unknown[]) => unknown) | undefined;

  constructor(name: string, call?: (args: readonly unknown[]) => unknown) {
    this.name = name;
    this.call = call;
  }
}

/** What a pickle may name, and what its persistent ids mean. */
export interface PickleHost {
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  persistentLoad(id: unknown): unknown;
}

/** A list under construction; a tuple is a plain array, and a dict a Map. */
export class PickleList {
  readonly items: unknown[] = [];
}

/**
 * The opcodes that torch.save's pickles are made of (protocols 2 to 5), by their names in Python's pickletools, and
 * what each does. There is none that makes an object by its class (INST, OBJ, NEWOBJ, EXT…), and none that copies the
 * stack (DUP): what is built takes memory in proportion to the pickle's length, and nothing of it is ever run.
 */
const OPCODES: Readonly<Record<string, readonly [code: number, step: (m: Machine) => void]>> = {
  PROTO: [0x80, (m) => m.protocol()],
  FRAME: [0x95, (m) => m.frame()],
  MARK: [0x28, (m) => m.push(MARK)],
  NONE: [0x4e, (m) => m.push(null)],
  NEWTRUE: [0x88, (m) => m.push(true)],
  NEWFALSE: [0x89, (m) => m.push(false)],
  BININT: [0x4a, (m) => m.push(m.int32())],
  BININT1: [0x4b, (m) => m.push(m.byte())],
  BININT2: [0x4d, (m) => m.push(m.uint16())],
  LONG1: [0x8a, (m) => m.push(m.long(m.byte()))],
  BINFLOAT: [0x47, (m) => m.push(m.float64())],
  BINUNICODE: [0x58, (m) => m.push(m.text(m.uint32()))],
  SHORT_BINUNICODE: [0x8c, (m) => m.push(m.text(m.byte()))],
  EMPTY_TUPLE: [0x29, (m) => m.push([])],
  TUPLE1: [0x85, (m) => m.push(m.last(1))],
  TUPLE2: [0x86, (m) => m.push(m.last(2))],
  TUPLE3: [0x87, (m) => m.push(m.last(3))],
  TUPLE: [0x74, (m) => m.push(m.sinceMark())],
  EMPTY_LIST: [0x5d, (m) => m.push(new PickleList())],
  APPEND: [0x61, (m) => m.append(m.last(1))],
  APPENDS: [0x65, (m) => m.append(m.sinceMark())],
  EMPTY_DICT: [0x7d, (m) => m.push(new Map())],
  SETITEM: [0x73, (m) => m.setItems(m.last(2))],
  SETITEMS: [0x75, (m) => m.setItems(m.sinceMark())],
  GLOBAL: [0x63, (m) => m.push(m.global([m.line(), m.line()]))],
  STACK_GLOBAL: [0x93, (m) => m.push(m.global(m.last(2)))],
  REDUCE: [0x52, (m) => m.reduce()],
  BUILD: [0x62, (m) => m.build()],
  BINPERSID: [0x51, (m) => m.persistentId()],
  BINPUT: [0x71, (m) => m.remember(m.byte())],
  LONG_BINPUT: [0x72, (m) => m.remember(m.uint32())],
  MEMOIZE: [0x94, (m) => m.remember(m.remembered)],
  BINGET: [0x68, (m) => m.recall(m.byte())],
  LONG_BINGET: [0x6a, (m) => m.recall(m.uint32())],
};

const STEPS: ReadonlyMap<number, (m: Machine) => void> = new Map(Object.values(OPCODES));
const STOP = 0x2e;

const MARK = Symbol("mark");

/**
 * Reads one pickle (PEP 307, PEP 3154; Python's pickletools documents each opcode): the machine of Python's `pickle`,
 * with an allow-list of opcodes, and an allow-list of names instead of Python's import. Nothing nests in here, so a
 * deeply nested pickle is as harmless as a flat one.
 *
 * @param where the file's name, for messages
 * @returns the value, and where the next pickle of the stream starts. None, False and True are null, false and true;
 *   integers beyond 2^53 − 1 are bigints; a tuple is an array, a list a `PickleList`, a dict a Map
 * @throws BertError ERR_CHECKPOINT another opcode, a name that the host does not know, or a pickle that breaks off
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  host: PickleHost,
  where: string,
): { value: unknown; end: number } {
  const machine = new Machine(bytes, start, host, where);
  return { value: machine.run(), end: machine.at };
}

class Machine {
  at: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly host: PickleHost;
  private readonly where: string;
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(bytes: Uint8Array, start: number, host: PickleHost, where: string) {
    this.at = start;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.host = host;
    this.where = where;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.byte();
      if (opcode === STOP) return this.result();
      const step = STEPS.get(opcode) ?? this.fail(`opcode 0x${opcode.toString(16)} is not one that tensors need`);
      step(this);
    }
  }

  private result(): unknown {
    const value = this.pop();
    if (this.stack.length > 0) this.fail(`${this.stack.length} values are left over at the end`);
    return value;
  }

  /** Moves on by `length` bytes and returns where they start. */
  private take(length: number): number {
    const start = this.at;
    if (length > this.bytes.length - start) this.fail("the pickle breaks off");
    this.at += length;
    return start;
  }

  byte(): number {
    return this.bytes[this.take(1)];
  }

  uint16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  uint32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  float64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  protocol(): void {
    const protocol = this.byte();
    if (protocol < 2 || protocol > 5) this.fail(`protocol must be from 2 to 5, got ${protocol}`);
  }

  /** How many bytes follow that belong together; of use to a reader of streams alone. */
  frame(): void {
    const length = this.view.getBigUint64(this.take(8), true);
    if (length > BigInt(this.bytes.length - this.at)) this.fail("a frame breaks off");
  }

  /** UTF-8; a lone surrogate, which Python would let pass, is refused. */
  text(length: number): string {
    const start = this.take(length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.bytes.subarray(start, this.at));
    } catch {
      return this.fail("a string is not UTF-8");
    }
  }

  /** The name after GLOBAL: up to the end of the line. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) this.fail("the pickle breaks off");
    const text = this.text(end - this.at);
    this.at = end + 1;
    return text;
  }

  /** Two's complement, little-endian. */
  long(length: number): number | bigint {
    const start = this.take(length);
    let value = 0n;
    for (let i = start + length - 1; i >= start; i--) value = (value << 8n) | BigInt(this.bytes[i]);
    value = BigInt.asIntN(8 * length, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  private pop(): unknown {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) this.fail("a value is missing");
    return value;
  }

  /** Takes the last values from the stack, in their order. */
  last(count: number): unknown[] {
    if (this.stack.length < count) this.fail("a value is missing");
    const values = this.stack.splice(-count);
    if (values.includes(MARK)) this.fail("a value is missing");
    return values;
  }

  sinceMark(): unknown[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) this.fail("a mark is missing");
    const values = this.stack.splice(mark + 1);
    this.stack.pop();
    return values;
  }

  append(values: readonly unknown[]): void {
    const list = this.stack.at(-1);
    if (!(list instanceof PickleList)) throw this.error("values may be added to a list alone");
    for (const value of values) list.items.push(value);
  }

  setItems(values: readonly unknown[]): void {
    const dict = this.stack.at(-1);
    if (!isA(dict, "Map")) throw this.error("items may be set in a dict alone");
    if (values.length % 2 !== 0) this.fail("a key has no value");
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i];
      if (typeof key !== "string" && typeof key !== "number")
        this.fail(`a key of a dict must be text or a number, is ${describe(key)}`);
      if (dict.has(key)) this.fail(`key ${quote(String(key))} is there twice`);
      dict.set(key, values[i + 1]);
    }
  }

  global([module, name]: readonly unknown[]): PickleGlobal {
    const found = typeof module === "string" && typeof name === "string" && this.host.globals.get(`${module}.${name}`);
    if (found) return found;
    return this.fail(
      `${quote(`${String(module)}.${String(name)}`)} is not one of the names that tensors need; nothing was run`,
    );
  }

  reduce(): void {
    const [callable, args] = this.last(2);
    if (!(callable instanceof PickleGlobal) || !callable.call || !Array.isArray(args))
      this.fail(`${describe(callable)} must not be called`);
    else this.push(callable.call(args));
  }

  /** The attributes of an OrderedDict (`_metadata`: versions of modules), which no tensor needs. */
  build(): void {
    const [object, state] = this.last(2);
    if (!isA(object, "Map") || !isA(state, "Map")) this.fail(`${describe(object)} must not have attributes`);
    this.push(object);
  }

  persistentId(): void {
    this.push(this.host.persistentLoad(this.pop()));
  }

  get remembered(): number {
    return this.memo.size;
  }

  remember(index: number): void {
    const value = this.pop();
    this.memo.set(index, value);
    this.push(value);
  }

  recall(index: number): void {
    if (!this.memo.has(index)) this.fail(`no value was remembered as ${index}`);
    this.push(this.memo.get(index));
  }

  private fail(message: string): never {
    throw this.error(message);
  }

  private error(message: string): BertError {
    return new BertError("ERR_CHECKPOINT", `${this.where}: pickle, byte ${this.at}: ${message}`);
  }
}

/** A value for messages: what kind it is, never what it holds. */
export function describe(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "string") return `the text ${quote(value)}`;
  if (typeof value === "object") return value instanceof PickleGlobal ? value.name : kindOf(value);
  return String(value);
}

function kindOf(value: object): string {
  if (Array.isArray(value)) return "a tuple";
  if (isA(value, "Map")) return "a dict";
  return value instanceof PickleList ? "a list" : "a tensor or storage";
}
