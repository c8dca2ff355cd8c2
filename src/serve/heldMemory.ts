import { RequestError } from "./requestError.ts";

/**
 * The most bytes that the requests of a handler hold together: bodies, what is read of them, and answers until they are
 * sent. Weights, and what a pass needs, come on top.
 */
export const HELD_BYTES: number = 256 * 2 ** 20;

/** What all requests of a handler may still take. */
export interface Memory {
  free: number;
}

/** What one request holds of it. It is taken before it is allocated, and counts the most that it can be. */
export class Share {
  private readonly memory: Memory;
  private bytes = 0;
  private ended = false;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /**
   * Takes so many bytes more, or gives some back, with a number below 0.
   *
   * @throws RequestError 413 no request may have so many, 429 the others have too many
   */
  take(bytes: number): void {
    if (this.ended) return; // its client has gone
    if (this.bytes + bytes > HELD_BYTES) {
      const message = `The request needs more than the ${HELD_BYTES} bytes of memory that requests may hold: send fewer or shorter inputs`;
      throw new RequestError("Validation", message);
    }
    if (bytes > this.memory.free) throw new RequestError("Overloaded", "Model is overloaded");
    this.memory.free -= bytes;
    this.bytes += bytes;
  }

  /** Gives back everything; a second time it does nothing. */
  end(): void {
    this.ended = true;
    this.memory.free += this.bytes;
    this.bytes = 0;
  }
}

/**
 * The most bytes that a character of JSON stands for once the text is parsed, by what it begins or parts: a list or an
 * object, one of its values, a value with a name. The text of strings itself is counted apart.
 */
const BYTES = new Uint8Array(256);
BYTES[0x5b] = 64; // [
BYTES[0x7b] = 64; // {
BYTES[0x2c] = 40; // ,
BYTES[0x3a] = 160; // : as an object of many names is a hash table

/** The most bytes that JSON takes once it is parsed; of texts without many of these characters twice its own. */
export function parsedBytes(json: Uint8Array): number {
  let bytes = 1000 + 2 * json.length;
  for (let i = 0; i < json.length; i++) bytes += BYTES[json[i]];
  return bytes;
}
