import { type LoadOptions, loadBert } from "../../src/pipelines/load.ts";
import { CHECKPOINT } from "../onnx/modelFolder.ts";
import type { Engine } from "./engine.ts";

/** plainbert's encoder, through its public interface. */
export async function plainbert(backend: string, threads: number): Promise<Engine> {
  const options = { backend, threads, architecture: "BertModel" } as LoadOptions;
  const bert = await loadBert(CHECKPOINT, options);
  return {
    name: "plainbert",
    async encode(sequences) {
      const { lastHiddenState } = await bert.forward(sequences.map((inputIds) => ({ inputIds })));
      return lastHiddenState.data;
    },
    dispose: () => bert.dispose(),
  };
}
