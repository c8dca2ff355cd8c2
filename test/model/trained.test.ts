import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BACKENDS } from "../support/backends.ts";
import { expectClose } from "../support/close.ts";
import { loadModel, reference, referenceJson } from "../support/reference.ts";
import { TOLERANCE } from "../tolerances.ts";

/** Real trained layers, with outliers such as −8.6 that random weights do not have. */
const FOLDER = "real-bert-tiny-sst2";

interface Sequence {
  readonly input_ids: number[];
  readonly post_embedding: number[][];
  readonly layer0_out_cls: number[];
  readonly last_hidden_cls: number[];
  readonly pooler: number[];
  readonly logits: number[];
}

test.each(BACKENDS)(
  "BERT-tiny fine-tuned on SST-2: every published vector is the float64 one: $title",
  async (backend) => {
    const model = await loadModel(
      reference(FOLDER),
      readFileSync(reference(`${FOLDER}/config.json`), "utf8"),
      {},
      backend.create(),
    );
    const { sequences } = referenceJson<{ sequences: Record<string, Sequence> }>(`${FOLDER}/reference.json`);
    const list = Object.entries(sequences);
    expect(list).toHaveLength(5);
    for (const [name, want] of list) {
      const { hiddenStates, poolerOutput, logits } = model.forwardSync([{ inputIds: want.input_ids }], {
        hiddenStates: true,
      });
      const cls = (n: number) => hiddenStates?.[n].data.subarray(0, 128) ?? [];
      const compare = (what: string, got: ArrayLike<number>, truth: number[]) => {
        const largest = Math.max(...truth.map(Math.abs));
        expectClose(`${name} ${what}`, got, truth, TOLERANCE[backend.name].trainedRelative * largest);
      };
      compare("embeddings", hiddenStates?.[0].data ?? [], want.post_embedding.flat());
      compare("layer 0", cls(1), want.layer0_out_cls);
      compare("layer 1", cls(2), want.last_hidden_cls);
      compare("pooler", poolerOutput?.data ?? [], want.pooler);
      compare("logits", logits?.data ?? [], want.logits);
    }
  },
);
