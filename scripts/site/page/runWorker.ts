/** Runs one example; what it prints is told as Node would print it. */
import { format } from "node-inspect-extracted";

/** What the worker tells: what was printed, that the example has ended, or why it could not go on. */
export type Said = { readonly printed: string } | { readonly error: string } | { readonly isDone: true };

const tell = (said: Said): void => postMessage(said);

console.log = (...values: readonly unknown[]) => tell({ printed: `${format(...values)}\n` });

addEventListener("message", async ({ data: name }: MessageEvent<string>) => {
  try {
    await import(new URL(`./run/${name}.js`, location.href).href);
    tell({ isDone: true });
  } catch (error) {
    tell({ error: error instanceof Error ? error.message : String(error) });
  }
});
