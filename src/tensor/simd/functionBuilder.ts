import { bytesOf, concatenate } from "./bytes.ts";
import type { ConstantTable } from "./constantTable.ts";
import { pushUnsignedLeb128, signedLeb128, unsignedLeb128 } from "./leb128.ts";
import {
  INSTRUCTIONS,
  type Instruction,
  MEMORY_INSTRUCTIONS,
  type MemoryInstruction,
  OPCODES,
  VALUE_TYPES,
  type ValueType,
} from "./opcodes.ts";

/** What a function takes, by name and in order, and what it returns. */
export interface Signature {
  readonly params: Readonly<Record<string, ValueType>>;
  readonly result?: ValueType;
}

/** What `brIf` jumps to: the start of a loop or the end of a block. */
export interface Label {
  readonly depth: number;
}

type Letter = "i" | "f" | "d" | "v";
const LETTERS: Readonly<Record<ValueType, Letter>> = { i32: "i", f32: "f", f64: "d", v128: "v" };
const VALUE_TYPE_NAMES: Readonly<Record<Letter, ValueType>> = { i: "i32", f: "f32", d: "f64", v: "v128" };

/** The type of a block that takes and leaves nothing. */
const EMPTY_BLOCK = 0x40;

/**
 * Writes the body of one function. Each method appends one instruction and returns the builder, so that a line of calls
 * reads like a line of WebAssembly text. The types on the operand stack are followed while instructions are written:
 * one that does not fit throws a TypeError at once, with the names of the function and the instruction. Blocks take
 * nothing from the stack and leave nothing there.
 *
 * @example
 * f.get("x").get("y").op("i32.add").set("sum");
 */
export class FunctionBuilder {
  readonly name: string;
  readonly signature: Signature;
  private readonly constants: ConstantTable;
  private readonly locals = new Map<string, { readonly index: number; readonly type: Letter }>();
  private readonly prologue: number[] = [];
  private readonly code: number[] = [];
  /** The types on the operand stack, a letter each: one string is compared faster than lists of names. */
  private stack = "";
  /** How many blocks are open, and what was on the stack where the innermost began: that is out of its reach. */
  private depth = 0;
  private floor = 0;

  constructor(name: string, signature: Signature, constants: ConstantTable) {
    this.constants = constants;
    this.name = name;
    this.signature = signature;
    for (const [param, type] of Object.entries(signature.params)) this.local(type, param);
  }

  /** Declares local variables, 0 at first. */
  local(type: ValueType, ...names: readonly string[]): this {
    for (const name of names) {
      if (this.locals.has(name)) this.fail("local", `${name} is declared twice`);
      this.locals.set(name, { index: this.locals.size, type: LETTERS[type] });
    }
    return this;
  }

  get(name: string): this {
    const { index, type } = this.find("local.get", name);
    return this.emit("local.get", "", type, OPCODES["local.get"]).immediate(index);
  }

  set(name: string): this {
    const { index, type } = this.find("local.set", name);
    return this.emit("local.set", type, "", OPCODES["local.set"]).immediate(index);
  }

  tee(name: string): this {
    const { index, type } = this.find("local.tee", name);
    return this.emit("local.tee", type, type, OPCODES["local.tee"]).immediate(index);
  }

  /** i32.const */
  i32(value: number): this {
    return this.emit("i32.const", "", "i", OPCODES["i32.const"], signedLeb128(value | 0));
  }

  /** f32.const, rounded to the nearest */
  f32(value: number): this {
    return this.emit("f32.const", "", "f", OPCODES["f32.const"], bytesOf(Float32Array.of(value)));
  }

  /** f64.const */
  f64(value: number): this {
    return this.emit("f64.const", "", "d", OPCODES["f64.const"], bytesOf(Float64Array.of(value)));
  }

  /** v128.const with four equal float32 lanes */
  f32x4(value: number): this {
    return this.emit("v128.const", "", "v", OPCODES["v128.const"], bytesOf(new Float32Array(4).fill(value)));
  }

  /** v128.const with four integer lanes */
  lanes(...values: readonly [number, number, number, number]): this {
    return this.emit("v128.const", "", "v", OPCODES["v128.const"], bytesOf(Int32Array.from(values)));
  }

  /**
   * Four equal lanes from the module's table of constants, loaded where the function starts. V8 makes a v128.const anew
   * at each use, by three instructions that wait for one another; gelu took 2.65 ns a number with them and takes 1.38.
   * A load at each use would not do: two loads cannot be widened to one across others (3.80).
   */
  splat(value: number, type: "f32" | "i32" = "f32"): this {
    const address = this.constants.addressOf(value, type);
    const name = `constant at ${address}`;
    if (!this.locals.has(name)) {
      this.local("v128", name);
      this.prologue.push(OPCODES["i32.const"], ...signedLeb128(address));
      pushOpcode(this.prologue, MEMORY_INSTRUCTIONS["v128.load32_splat"][0]);
      this.prologue.push(0, 0, OPCODES["local.set"], ...unsignedLeb128(this.find("local.set", name).index));
    }
    return this.get(name);
  }

  /** An instruction without an immediate. */
  op(name: Instruction): this {
    const entry = INSTRUCTIONS[name]; // to take it apart by a pattern makes 6,000 iterators
    return this.emit(name, entry[1], entry[2], entry[0]);
  }

  /** A load or a store, `offset` bytes past the address on the stack. No alignment is promised to the engine. */
  memory(name: MemoryInstruction, offset = 0): this {
    const entry = MEMORY_INSTRUCTIONS[name];
    return this.emit(name, entry[1], entry[2], entry[0]).immediate(0).immediate(offset);
  }

  /** f32x4.extract_lane */
  lane(lane: number): this {
    return this.emit("f32x4.extract_lane", "v", "f", OPCODES["f32x4.extract_lane"]).immediate(lane);
  }

  /** i32x4.extract_lane */
  integerLane(lane: number): this {
    return this.emit("i32x4.extract_lane", "v", "i", OPCODES["i32x4.extract_lane"]).immediate(lane);
  }

  /** i8x16.shuffle by whole float32 lanes: 0 … 3 are those of the first operand, 4 … 7 those of the second. */
  shuffle(...lanes: readonly [number, number, number, number]): this {
    const bytes = lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]);
    return this.emit("i8x16.shuffle", "vv", "v", OPCODES["i8x16.shuffle"], bytes);
  }

  /** Runs `body` once; `brIf(label)` within leaves it. */
  block(body: (label: Label) => unknown): this {
    return this.nest("block", body);
  }

  /** Runs `body` once, and again each time that `brIf(label)` jumps back. */
  loop(body: (label: Label) => unknown): this {
    return this.nest("loop", body);
  }

  /** Takes an i32 from the stack and runs one of the two. */
  if(then: () => unknown, otherwise?: () => unknown): this {
    this.take("if", "i");
    return this.nest("if", () => {
      then();
      if (!otherwise) return;
      this.expectFloor("else");
      this.code.push(OPCODES.else);
      otherwise();
    });
  }

  /** Takes an i32 from the stack and jumps if it is not 0. */
  brIf(label: Label): this {
    if (label.depth > this.depth) this.fail("br_if", "the block has ended");
    return this.emit("br_if", "i", "", OPCODES.br_if).immediate(this.depth - label.depth);
  }

  /** The function's entry in the code section. @throws TypeError if what is left on the stack is not the result */
  toBytes(): Uint8Array<ArrayBuffer> {
    const { params, result } = this.signature;
    this.take("end", result ? LETTERS[result] : "");
    this.expectFloor("end");
    const variables = [...this.locals.values()].slice(Object.keys(params).length);
    const types = variables.flatMap(({ type }) => [1, VALUE_TYPES[VALUE_TYPE_NAMES[type]]]);
    const body = concatenate([unsignedLeb128(variables.length), types, this.prologue, this.code, [OPCODES.end]]);
    return concatenate([unsignedLeb128(body.length), body]);
  }

  private nest(name: "block" | "loop" | "if", body: (label: Label) => unknown): this {
    const outer = this.floor;
    this.floor = this.stack.length;
    this.depth++;
    this.code.push(OPCODES[name], EMPTY_BLOCK);
    body({ depth: this.depth });
    this.expectFloor(name);
    this.code.push(OPCODES.end);
    this.depth--;
    this.floor = outer;
    return this;
  }

  private emit(name: string, takes: string, leaves: string, opcode: number, immediate?: readonly number[]): this {
    this.take(name, takes);
    this.stack += leaves;
    pushOpcode(this.code, opcode);
    if (immediate) this.code.push(...immediate);
    return this;
  }

  /** An index, an offset or the like, behind the opcode. */
  private immediate(value: number): this {
    pushUnsignedLeb128(this.code, value);
    return this;
  }

  private take(name: string, takes: string): void {
    const start = this.stack.length - takes.length;
    if (start < this.floor || !this.stack.endsWith(takes)) {
      const found = this.stack.slice(Math.max(start, this.floor));
      this.fail(name, `takes [${namesOf(takes)}], the stack ends in [${namesOf(found)}]`);
    }
    this.stack = this.stack.slice(0, start);
  }

  private expectFloor(name: string): void {
    const left = this.stack.slice(this.floor);
    if (left !== "") this.fail(name, `[${namesOf(left)}] is left on the stack`);
  }

  private find(instruction: string, name: string): { readonly index: number; readonly type: Letter } {
    return this.locals.get(name) ?? this.fail(instruction, `there is no local ${name}`);
  }

  private fail(instruction: string, what: string): never {
    throw new TypeError(`${this.name}: ${instruction}: ${what}`);
  }
}

function namesOf(letters: string): string {
  return Array.from(letters, (letter) => VALUE_TYPE_NAMES[letter as Letter]).join(" ");
}

/** One byte, or the prefix byte of the vector instructions and a LEB128 number (opcodes.ts). */
function pushOpcode(code: number[], opcode: number): void {
  if (opcode <= 0xff) {
    code.push(opcode);
    return;
  }
  code.push(0xfd);
  pushUnsignedLeb128(code, opcode > 0xffff ? opcode & 0xffff : opcode & 0xff);
}
