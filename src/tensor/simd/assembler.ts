import { type Bytes, concatenate } from "./bytes.ts";
import { ConstantTable } from "./constantTable.ts";
import { FunctionBuilder, type Signature } from "./functionBuilder.ts";
import { signedLeb128, unsignedLeb128 } from "./leb128.ts";
import { OPCODES, VALUE_TYPES } from "./opcodes.ts";

/** The memory that a module imports, in pages of 64 KiB; a shared one must be imported as such. */
export interface MemoryLimits {
  readonly initial: number;
  readonly maximum: number;
  readonly shared: boolean;
}

/** Section numbers (WebAssembly 3.0, §5.5.2); sections stand in this order. */
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10, data: 11 } as const;
const FUNCTION_TYPE = 0x60;
const KIND = { function: 0, memory: 2 } as const;

/**
 * A WebAssembly module with one imported memory, `env.memory`, and functions that are written instruction by
 * instruction. Every function is exported under its name.
 *
 * @example
 * const m = new ModuleBuilder({ initial: 1, maximum: 1, shared: false });
 * m.function("add", { params: { a: "i32", b: "i32" }, result: "i32" }, (f) => f.get("a").get("b").op("i32.add"));
 * new WebAssembly.Module(m.toBytes());
 */
export class ModuleBuilder {
  private readonly memory: MemoryLimits;
  private readonly constants: ConstantTable;
  private readonly functions: FunctionBuilder[] = [];

  /**
   * @param constantsAt the address of the constants that `FunctionBuilder.splat` uses: written when it is instantiated
   */
  constructor(memory: MemoryLimits, constantsAt = 0) {
    this.memory = memory;
    this.constants = new ConstantTable(constantsAt);
  }

  /**
   * Adds a function.
   *
   * @throws TypeError an instruction whose operands have other types, a name that is unknown or taken
   */
  function(name: string, signature: Signature, body: (f: FunctionBuilder) => unknown): void {
    if (this.functions.some((f) => f.name === name)) throw new TypeError(`${name}: function: is defined twice`);
    const f = new FunctionBuilder(name, signature, this.constants);
    this.functions.push(f);
    body(f);
  }

  /** The module's binary form. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const types = this.functions.map(({ signature: { params, result } }) => [
      FUNCTION_TYPE,
      ...list(Object.values(params).map((type) => [VALUE_TYPES[type]])),
      ...list(result ? [[VALUE_TYPES[result]]] : []),
    ]);
    const { initial, maximum, shared } = this.memory;
    const limits = [shared ? 3 : 1, ...unsignedLeb128(initial), ...unsignedLeb128(maximum)];
    const exported = this.functions.map(({ name }, i) => [...text(name), KIND.function, ...unsignedLeb128(i)]);
    return concatenate([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
      section(SECTION.type, types),
      section(SECTION.import, [[...text("env"), ...text("memory"), KIND.memory, ...limits]]),
      section(
        SECTION.function,
        this.functions.map((_, i) => unsignedLeb128(i)),
      ),
      section(SECTION.export, exported),
      section(
        SECTION.code,
        this.functions.map((f) => f.toBytes()),
      ),
      this.dataSection(),
    ]);
  }

  private dataSection(): Bytes {
    const constants = this.constants.toBytes();
    if (constants.length === 0) return [];
    const address = [OPCODES["i32.const"], ...signedLeb128(this.constants.address), OPCODES.end];
    return section(SECTION.data, [[0, ...address, ...unsignedLeb128(constants.length), ...constants]]);
  }
}

function section(number: number, entries: readonly Bytes[]): Bytes {
  const content = list(entries);
  return concatenate([[number, ...unsignedLeb128(content.length)], content]);
}

function list(entries: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  return concatenate([unsignedLeb128(entries.length), ...entries]);
}

function text(name: string): number[] {
  const bytes = new TextEncoder().encode(name);
  return [...unsignedLeb128(bytes.length), ...bytes];
}
