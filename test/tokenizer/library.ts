import { readFileSync } from "node:fs";
import { BertTokenizer, type TokenizerFiles } from "../../src/tokenizer/index.ts";

/** The genuine vocabularies, and what tokenizers 0.23.2 makes of 4,000 texts; see reference/README.md. */
export type VocabularyName = "bert-base-cased" | "bert-base-uncased";

export interface Case {
  readonly vocab: VocabularyName;
  readonly text: string;
  readonly pair?: string;
  readonly truncation?: {
    readonly max_length: number;
    readonly strategy: "longest_first" | "only_first" | "only_second";
    readonly stride: number;
  };
  readonly error?: string;
  readonly ids: number[];
  readonly type_ids: number[];
  readonly offsets_code_points: [number, number][];
  readonly special_tokens_mask: number[];
  readonly word_ids: (number | null)[];
  readonly decoded: string;
  readonly overflowing?: number[][];
}

export function readReference(path: string): string {
  return readFileSync(new URL(`./reference/${path}`, import.meta.url), "utf8");
}

export function filesOf(name: VocabularyName): TokenizerFiles {
  return {
    "vocab.txt": readReference(`${name}/vocab.txt`),
    "tokenizer.json": readReference(`${name}/tokenizer.json`),
    "tokenizer_config.json": readReference(`${name}/tokenizer_config.json`),
  };
}

export const TOKENIZERS: Readonly<Record<VocabularyName, BertTokenizer>> = {
  "bert-base-cased": BertTokenizer.fromFiles(filesOf("bert-base-cased")),
  "bert-base-uncased": BertTokenizer.fromFiles(filesOf("bert-base-uncased")),
};
