import type { Bert } from "../load/loadBert.ts";
import { tokenLimit } from "../pipelines/answerAll.ts";
import { embeddingLimit, embeddingTokenizer } from "../pipelines/textEmbeddings.ts";
import { isMostlyUnknown } from "../pipelines/unknown.ts";
import { tellUnknown } from "./embeddingOptions.ts";

/** Counts texts that are mostly unknown to the model, for a pipeline whose answers do not tell. */
export class UnknownTexts {
  private readonly counts = { count: 0, unknown: 0 };
  private readonly model: Bert;
  /** Whether texts are read as the model's folder says of sentences. */
  private readonly isOfFolder: boolean;

  constructor(model: Bert, isOfFolder: boolean) {
    this.model = model;
    this.isOfFolder = isOfFolder;
  }

  add(text: string): void {
    const { model, isOfFolder } = this;
    const tokenizer = isOfFolder ? embeddingTokenizer(model) : model.tokenizer;
    const maxLength = isOfFolder ? embeddingLimit(model) : tokenLimit(model);
    const encoding = tokenizer.encode(text, { truncation: true, maxLength });
    this.counts.count++;
    if (isMostlyUnknown({ encoding, text, unkTokenId: tokenizer.unkTokenId })) this.counts.unknown++;
  }

  /** Says on standard error how many there are, if any. */
  tell(): void {
    tellUnknown(this.counts, ["sentence", "sentences"]);
  }
}
