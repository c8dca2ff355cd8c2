import { bytesOf } from "./bytes.ts";

/** 32-bit constants that stand in a module's memory, each once. */
export class ConstantTable {
  readonly address: number;
  private readonly words: number[] = [];

  /** @param address where the first one stands, in bytes */
  constructor(address: number) {
    this.address = address;
  }

  /** Where a constant stands; it is added if it is new. */
  addressOf(value: number, type: "f32" | "i32"): number {
    const word = type === "f32" ? new Int32Array(Float32Array.of(value).buffer)[0] : value | 0;
    if (!this.words.includes(word)) this.words.push(word);
    return this.address + 4 * this.words.indexOf(word);
  }

  toBytes(): readonly number[] {
    return bytesOf(Int32Array.from(this.words));
  }
}
