import { BertError } from "../../errors.ts";
import type { MemoryLimits } from "./assembler.ts";

const PAGE = 65536;
/** A cache line: tensors start at multiples of it, and so does every row of a panel. */
const ALIGNMENT = 64;
/** All that 32-bit addresses reach, but for the last page. */
const MAX_PAGES = 65535;
/**
 * A memory that is not shared cannot grow without invalidating every array on it, so it has its size from the start.
 */
const UNSHARED_PAGES = 16384;

/** Where the kernels' constants stand (assembler.ts), and the room for them. Nothing is at address 0. */
export const CONSTANTS_AT = 64;
const CONSTANTS_SIZE = 1024;

interface Block {
  readonly start: number;
  readonly size: number;
}

/**
 * The one WebAssembly.Memory on which all tensors of a backend are views, and who has which part of it. It is shared
 * wherever the engine allows it, which lets threads work on it and lets it grow in place.
 */
export class TensorMemory {
  readonly limits: MemoryLimits;
  readonly memory: WebAssembly.Memory;
  /** By start, with no two adjacent. */
  private readonly free: Block[] = [];
  private readonly used = new Map<number, number>();
  /** Everything from here on has never been used, and is zeros. */
  private end = CONSTANTS_AT + CONSTANTS_SIZE;

  /** @throws BertError ERR_BACKEND the engine refuses so much address space */
  constructor() {
    const shared = typeof SharedArrayBuffer === "function" && globalThis.crossOriginIsolated !== false;
    this.limits = shared
      ? { initial: 16, maximum: MAX_PAGES, shared }
      : { initial: UNSHARED_PAGES, maximum: UNSHARED_PAGES, shared };
    try {
      this.memory = new WebAssembly.Memory(this.limits);
    } catch (cause) {
      throw new BertError("ERR_BACKEND", "simd: the engine must give a WebAssembly.Memory", { cause });
    }
  }

  /**
   * `length` numbers, all 0. The first free block that is large enough is taken.
   *
   * @throws BertError ERR_BACKEND there is no room
   */
  allocate(length: number): Float32Array {
    const size = Math.max(1, Math.ceil((length * 4) / ALIGNMENT)) * ALIGNMENT;
    const at = this.free.findIndex((block) => block.size >= size);
    if (at < 0) {
      const start = this.end;
      this.reach(start + size);
      this.end += size;
      this.used.set(start, size);
      return new Float32Array(this.memory.buffer, start, length);
    }
    const block = this.free[at];
    const rest = { start: block.start + size, size: block.size - size };
    this.free.splice(at, 1, ...(rest.size > 0 ? [rest] : []));
    this.used.set(block.start, size);
    return new Float32Array(this.memory.buffer, block.start, length).fill(0);
  }

  /** Gives back what `allocate` returned; a second time does nothing. */
  release(data: Float32Array): void {
    const start = data.byteOffset;
    const size = this.used.get(start);
    if (size === undefined) return;
    this.used.delete(start);
    const found = this.free.findIndex((block) => block.start > start);
    const at = found < 0 ? this.free.length : found;
    const before = this.free[at - 1];
    const after = this.free[at];
    const joinsBefore = before && before.start + before.size === start;
    const joinsAfter = after && start + size === after.start;
    const first = joinsBefore ? before.start : start;
    const last = joinsAfter ? after.start + after.size : start + size;
    this.free.splice(at - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), {
      start: first,
      size: last - first,
    });
  }

  private reach(bytes: number): void {
    const missing = Math.ceil((bytes - this.memory.buffer.byteLength) / PAGE);
    if (missing <= 0) return;
    try {
      this.memory.grow(missing);
    } catch (cause) {
      const gib = (n: number) => `${(n / 2 ** 30).toFixed(2)} GiB`;
      const most = this.limits.maximum * PAGE;
      throw new BertError("ERR_BACKEND", `simd: tensors must fit in ${gib(most)} of memory, got ${gib(bytes)}`, {
        cause,
      });
    }
  }
}
