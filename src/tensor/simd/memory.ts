import { BertError } from "../../errors.ts";
import { messageOf } from "../../realm.ts";
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

/**
 * The memory grows by 128 MB at least: pages that were never written take no room, and 200 small steps while a base
 * model's weights are read took 80 ms.
 */
const STEP_PAGES = 2048;

/**
 * The first step is of 48 MB, which is enough for a small model. V8 collects garbage in each thread that is given a
 * memory of more than 64 MB: 7 ms in two threads at the same time.
 */
const FIRST_STEP_PAGES = 768;

/** The word of 4 bytes that holds the address where the part in use ends. */
const END_AT = 1;
/** The address of the kernels' constants (assembler.ts). Nothing is at address 0. */
export const CONSTANTS_AT = 64;
/** The room for the constants of a module. */
const CONSTANTS_SIZE = 1024;
/** The address of the constants of the kernels for training, which are a module of their own. */
export const TRAINING_CONSTANTS_AT: number = CONSTANTS_AT + CONSTANTS_SIZE;

interface Block {
  readonly start: number;
  readonly size: number;
}

/** A memory as another thread opens it: `postMessage` can carry it. */
export interface SharedMemory {
  readonly memory: WebAssembly.Memory;
  readonly limits: MemoryLimits;
}

/**
 * The one WebAssembly.Memory on which all tensors of a backend are views, and who has which part of it. It is shared
 * wherever the engine allows it, which lets threads work on it and lets it grow in place. Each thread has its own
 * object of this class on it: they take room from one common end, and give back to their own list.
 */
export class TensorMemory {
  readonly limits: MemoryLimits;
  readonly memory: WebAssembly.Memory;
  /** The free blocks in the order of their starts, no two adjacent. */
  private readonly free: Block[] = [];
  private readonly used = new Map<number, number>();

  /**
   * @param opened a memory that another thread has made; a new one if left out
   * @throws BertError ERR_BACKEND the engine refuses so much address space
   */
  constructor(opened?: SharedMemory) {
    if (opened) {
      this.limits = opened.limits;
      this.memory = opened.memory;
      return;
    }
    const shared = typeof SharedArrayBuffer === "function" && globalThis.crossOriginIsolated !== false;
    this.limits = shared
      ? { initial: 16, maximum: MAX_PAGES, shared }
      : { initial: UNSHARED_PAGES, maximum: UNSHARED_PAGES, shared };
    try {
      this.memory = new WebAssembly.Memory(this.limits);
    } catch (cause) {
      const wanted = sizeOf(this.limits.maximum * PAGE);
      throw new BertError(
        "ERR_BACKEND",
        `simd: the system must give ${wanted} of address space, it refused: ${messageOf(cause)}`,
        { cause },
      );
    }
    this.head()[END_AT] = TRAINING_CONSTANTS_AT + CONSTANTS_SIZE;
  }

  /**
   * Takes room for `length` numbers, which may hold anything. The first free block that is large enough is taken.
   *
   * @throws BertError ERR_BACKEND there is no room
   */
  allocate(length: number): Float32Array {
    const size = Math.max(1, Math.ceil((length * 4) / ALIGNMENT)) * ALIGNMENT;
    const at = this.free.findIndex((block) => block.size >= size);
    if (at < 0) {
      const start = this.takeFromEnd(size);
      this.used.set(start, size);
      return new Float32Array(this.memory.buffer, start, length);
    }
    const block = this.free[at];
    const rest = { start: block.start + size, size: block.size - size };
    this.free.splice(at, 1, ...(rest.size > 0 ? [rest] : []));
    this.used.set(block.start, size);
    return new Float32Array(this.memory.buffer, block.start, length);
  }

  /** Frees an array that `allocate` returned; a second time does nothing. */
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

  private takeFromEnd(size: number): number {
    for (;;) {
      const start = Atomics.load(this.head(), END_AT);
      this.reach(start + size);
      if (Atomics.compareExchange(this.head(), END_AT, start, start + size) === start) return start;
    }
  }

  /** The words before the constants; a new view each time, as growing replaces a memory's buffer. */
  private head(): Uint32Array {
    return new Uint32Array(this.memory.buffer, 0, CONSTANTS_AT / 4);
  }

  private reach(bytes: number): void {
    if (bytes <= this.memory.buffer.byteLength) return;
    const most = this.limits.maximum * PAGE;
    if (bytes > most) {
      throw new BertError("ERR_BACKEND", `simd: tensors must fit in ${sizeOf(most)} of memory, got ${sizeOf(bytes)}`);
    }
    if (this.limits.shared) this.memory.grow(0); // shows what other threads have grown it by
    const missing = Math.ceil((bytes - this.memory.buffer.byteLength) / PAGE);
    if (missing <= 0) return;
    const pages = this.memory.buffer.byteLength / PAGE;
    const step = pages === this.limits.initial ? FIRST_STEP_PAGES : STEP_PAGES;
    try {
      this.grow(Math.max(missing, Math.min(step, this.limits.maximum - pages)));
    } catch {
      this.grow(missing); // there may be room for what is needed, though not for a whole step
    }
  }

  private grow(pages: number): void {
    try {
      this.memory.grow(pages);
    } catch (cause) {
      const [more, now] = [pages * PAGE, this.memory.buffer.byteLength].map(sizeOf);
      throw new BertError("ERR_BACKEND", `simd: the system must give ${more} of memory beside ${now}, it refused`, {
        cause,
      });
    }
  }
}

/** "4.00 GiB", "64.0 KiB" */
function sizeOf(bytes: number): string {
  const [unit, name] = bytes >= 2 ** 30 ? [2 ** 30, "GiB"] : bytes >= 2 ** 20 ? [2 ** 20, "MiB"] : [2 ** 10, "KiB"];
  return `${(bytes / (unit as number)).toPrecision(3)} ${name}`;
}
