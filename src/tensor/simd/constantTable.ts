import { bytesOf } from "./bytes.ts";

/** 32-bit constants that stand in a module's memory, each once. */
export class ConstantTable {
  readonly address: number;
  private readonly bytes: number[] = [];

  /** @param address where the first one stands, in bytes */
  constructor(address: number) {
    this.address = address;
  }

  /** Where a constant stands; it is added if it is new. */
  addressOf(value: number, type: "f32" | "i32"): number {
    const bytes = bytesOf(type === "f32" ? Float32Array.of(value) : Int32Array.of(value));
    for (let at = 0; at < this.bytes.length; at += 4) {
      if (bytes.every((byte, i) => byte === this.bytes[at + i])) return this.address + at;
    }
    this.bytes.push(...bytes);
    return this.address + this.bytes.length - 4;
  }

  toBytes(): readonly number[] {
    return this.bytes;
  }
}
