import type { Architecture, BertConfig } from "../../src/model/config.ts";
import { type Bert, type LoadOptions, loadBert } from "../../src/pipelines/load.ts";
import type { BertTokenizer } from "../../src/tokenizer/index.ts";
import { CHECKPOINT } from "../onnx/modelFolder.ts";
import type { Engine } from "./engine.ts";

/** plainbert's encoder, through its public interface. */
export async function plainbert(backend: string, threads: number): Promise<Engine> {
  const bert = await load(backend, threads);
  return {
    name: "plainbert",
    async encode(sequences) {
      const { lastHiddenState } = await bert.forward(sequences.map((inputIds) => ({ inputIds })));
      return lastHiddenState.data;
    },
    dispose: () => bert.dispose(),
  };
}

/** With the masked-language-model head: `encode` gives logits [B, T, V]. */
export async function plainbertMaskedLm(backend: string, threads: number): Promise<Engine> {
  const bert = await load(backend, threads, "BertForMaskedLM");
  return {
    name: "plainbert",
    async encode(sequences) {
      const { logits } = await bert.forward(sequences.map((inputIds) => ({ inputIds })));
      return logits!.data;
    },
    dispose: () => bert.dispose(),
  };
}

/** What the cases are made with, and what plainbert says that it computes with. */
export async function loadPlainbert(
  backend: string,
  threads: number,
): Promise<{ tokenizer: BertTokenizer; config: BertConfig; description: string }> {
  const bert = await load(backend, threads);
  const { tokenizer, config } = bert;
  const facts = Object.entries(bert.backend).filter(([, value]) => /string|number|boolean/.test(typeof value));
  await bert.dispose();
  return { tokenizer, config, description: facts.map(([name, value]) => `${name} ${value}`).join(", ") };
}

function load(backend: string, threads: number, architecture: Architecture = "BertModel"): Promise<Bert> {
  return loadBert(CHECKPOINT, { backend, threads, architecture } as LoadOptions); // not every backend has threads
}
