import type { Readable, Writable } from "node:stream";

export type Input = Readable & { readonly fd?: number; readonly isTTY?: boolean };
export type Output = Writable & {
  readonly fd?: number;
  readonly isTTY?: boolean;
  readonly columns?: number;
  hasColors?(): boolean;
};

/** Where a command reads and writes. */
export interface Streams {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
}

/**
 * The streams of the command that runs: the process's own, unless another program runs the command within its process.
 */
export let streams: Streams = process;

/**
 * Has `work` read and write elsewhere.
 *
 * @throws Error another one does: they would write to each other's streams
 */
export async function withStreams<T>(own: Streams, work: () => Promise<T>): Promise<T> {
  if (streams !== process) throw new Error("withStreams: one command at a time");
  streams = own;
  try {
    return await work();
  } finally {
    streams = process;
  }
}
