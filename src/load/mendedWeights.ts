import { BertError } from "../errors.ts";
import type { HalfDecoder, Weights } from "../safetensors/safetensorsReader.ts";

/**
 * Opens weights that may be damaged where they are kept. When they cannot be read, now or later, what is kept is
 * mended, once, and they are opened and read again.
 *
 * @param open opens what is kept
 * @param mend brings what is damaged again; false: nothing is
 * @throws BertError the first error, where nothing could be mended; what `mend` throws
 */
export async function openMended(
  open: () => Promise<Weights>,
  mend: (error: BertError) => Promise<boolean>,
): Promise<Weights> {
  const opened: Weights[] = [];
  let mending: Promise<boolean> | null = null;
  const mended = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof BertError && error.code === "ERR_CHECKPOINT")) throw error;
      mending ??= mendAndOpen(error);
      if (!(await mending)) throw error;
      return work();
    }
  };
  const mendAndOpen = async (error: BertError) => {
    if (!(await mend(error))) return false;
    opened.push(await open());
    return true;
  };
  const last = () => opened[opened.length - 1];
  const weights = await mended(async () => {
    if (opened.length === 0) opened.push(await open());
    return last();
  });
  return {
    ...weights,
    readInto: (name, target, decoder) => mended(() => last().readInto(name, target, decoder)),
    ...(weights.readPart && {
      readPart: (name: string, target: Float32Array, from: number, decoder?: HalfDecoder) =>
        mended(async () => last().readPart?.(name, target, from, decoder)),
    }),
    // Another read of the damaged one may still be under way when the other is opened.
    close: async () => {
      for (const one of opened) await one.close();
    },
  };
}
