/** Why models of other families are not read, by their `model_type`; docs/models.md says more, and what else may do. */
const NOT_READ: readonly (readonly [models: readonly string[], why: string])[] = [
  [
    ["roberta", "camembert", "xlm-roberta"],
    "texts are split by byte-level BPE or SentencePiece there instead of WordPiece, and positions begin elsewhere",
  ],
  [["mpnet"], "every layer adds a bias there that depends on how far two tokens are apart"],
  [["albert"], "all layers share one layer's weights there, and texts are split by SentencePiece"],
  [["electra"], "the embeddings may be smaller than the layers there, and the heads are others"],
  [["deberta", "deberta-v2"], "attention has terms of its own there for relative positions"],
  [["modernbert", "nomic_bert", "new"], "positions are rotations of queries and keys there, and layers have gates"],
  [["mobilebert", "squeezebert", "convbert"], "layers have bottlenecks, grouped or dynamic convolutions there"],
  [
    ["roformer", "ernie", "layoutlm", "megatron-bert", "nezha"],
    "positions, tasks, places on a page or the order of LayerNorms are built in otherwise there",
  ],
  [["distilgpt2", "gpt2", "t5", "bart"], "such a model writes texts, or encodes and writes"],
];

const INSTEAD =
  "take a BERT or a DistilBERT that was trained for the same, or run this one with Python's transformers or transformers.js";

/** Why a model of another family is not read, if that is known, and what to do instead. */
export function whyNotRead(modelType: unknown): string {
  const [, why] = NOT_READ.find(([models]) => models.includes(modelType as string)) ?? [];
  return why === undefined ? INSTEAD : `${why}; ${INSTEAD}`;
}

/** The `model_type` of a class such as `RobertaForMaskedLM`, of the families that are known not to be read. */
export function otherModelType(className: string): string | null {
  const name = className.toLowerCase();
  const all = NOT_READ.flatMap(([models]) => models);
  return all.find((model) => name.startsWith(model.replace(/[-_]/g, ""))) ?? null;
}
