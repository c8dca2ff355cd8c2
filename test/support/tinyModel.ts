import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import { parseConfig } from "../../src/model/config.ts";
import { plainTraining } from "../../src/tensor/kernels/training.ts";
import { BertTokenizer } from "../../src/tokenizer/index.ts";
import { initialWeights } from "../../src/training/initialWeights.ts";
import { writeModel } from "../../src/training/startModel.ts";

const WORDS = "the a cat dog film book was is good bad fine poor not very who saw it paris anna in . ? ##s".split(" ");

/** The vocabulary of the tiny model. */
export const TINY_VOCABULARY: readonly string[] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...WORDS];

/** A folder that goes away with the test. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "plainbert-run-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Writes a model with initial weights: L = 2, H = 16, A = 2, I = 32. Training it takes a millisecond or two for a batch. */
export async function writeTinyModel(folder: string, changes: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const tokenizer = BertTokenizer.fromVocabulary([...TINY_VOCABULARY], { doLowerCase: true });
  const configText = JSON.stringify({
    ...{ architectures: ["BertForPreTraining"], model_type: "bert", vocab_size: TINY_VOCABULARY.length },
    ...{ hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32 },
    ...{ max_position_embeddings: 32, initializer_range: 0.2, ...changes },
  });
  const config = parseConfig(configText);
  const params = await loadParams(initialWeights(config, 1), config, plainTraining);
  await writeModel(folder, { config, params, kernels: plainTraining }, configText, tokenizer);
}

const SUBJECTS = ["the cat", "the dog", "a cat", "a dog", "the film", "the book", "a film", "a book"];

/** Texts that are good or bad by a word in them. */
export const REVIEWS: readonly { where: string; text: string; label: string }[] = SUBJECTS.flatMap((subject) =>
  ["good", "fine", "bad", "poor"].map((word, i) => ({
    where: `${subject} ${word}`,
    text: `${subject} was ${i % 3 === 0 ? "very " : ""}${word}.`,
    label: i < 2 ? "positive" : "negative",
  })),
);
