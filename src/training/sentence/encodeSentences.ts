import { BertError } from "../../errors.ts";
import type { SentenceModules } from "../../load/sentenceModules.ts";
import type { BertConfig } from "../../model/config.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { encodeAt, type Sequence, sequenceOf } from "../data/features.ts";

/** What a text is encoded as, by the folder's prompt and length for it; null: any text. */
export type SentenceRole = "query" | "document" | null;

/** A text as the encoder takes it. */
export interface EncodedSentence {
  readonly sequence: Sequence;
  /** How many of the first tokens are [CLS] and the prompt's, where the Pooling leaves them out; else 0. */
  readonly promptLength: number;
}

/**
 * Texts become sequences as `pipeline("embeddings")` makes them: with the prompt, the letters and the length that the
 * folder has, and cut where they are longer. The same text is encoded once.
 *
 * @param maxLength most tokens, where the folder allows more
 */
export function sentenceEncoder(
  model: { readonly config: BertConfig; readonly tokenizer: BertTokenizer },
  folder: SentenceModules,
  maxLength: number | undefined,
): (text: string, role: SentenceRole, where: string) => EncodedSentence {
  const { config } = model;
  const tokenizer = folder.doLowerCase ? model.tokenizer.lowerCased() : model.tokenizer;
  const limitOf = (role: SentenceRole) => {
    const own = role === "query" ? folder.queryLength : role === "document" ? folder.documentLength : null;
    const limit = own ?? folder.maxSeqLength ?? tokenizer.modelMaxLength;
    return Math.min(limit, config.maxPositionEmbeddings, maxLength ?? limit);
  };
  const leavesPrompt = folder.modules.some((module) => module.type === "Pooling" && !module.includePrompt);
  const roles = new Map(
    (["query", "document", null] as const).map((role) => {
      const prompt = promptOf(folder, role);
      const maxLength = limitOf(role);
      const promptLength =
        leavesPrompt && prompt !== "" ? tokenizer.encode(prompt, { truncation: true, maxLength }).length - 1 : 0;
      return [role, { prompt, maxLength, promptLength, known: new Map<string, EncodedSentence>() }] as const;
    }),
  );
  return (text, role, where) => {
    const { prompt, maxLength, promptLength, known } = roles.get(role)!;
    const found = known.get(text);
    if (found) return found;
    const encoding = encodeAt(tokenizer, where, prompt + text, { truncation: true, maxLength });
    const encoded = { sequence: sequenceOf(encoding), promptLength };
    known.set(text, encoded);
    return encoded;
  };
}

/** The prompt of a role; of none the folder's default. */
function promptOf({ prompts, defaultPromptName }: SentenceModules, role: SentenceRole): string {
  const name = role ?? defaultPromptName;
  return name === null ? "" : (prompts.get(name) ?? "");
}

/** The roles of the texts of an example: a query and documents, or two texts of one kind. */
export function rolesOf(texts: readonly string[], score: number | null): SentenceRole[] {
  return texts.map((_, i) => (score !== null ? null : i === 0 ? "query" : "document"));
}

/**
 * Which of the L + 1 hidden states the modules are given, from 0; null: the last layer's output.
 *
 * @throws BertError ERR_CHECKPOINT the folder names one that the model does not have
 */
export function hiddenStateOf({ hiddenState: n }: SentenceModules, L: number): number | null {
  if (n === null || (n >= -L - 1 && n <= L)) return n === null || n >= 0 ? n : L + 1 + n;
  throw new BertError("ERR_CHECKPOINT", `n of ["hidden_states", n] must be ${-L - 1} to ${L}, as the model has ${L} layers, got ${n}`); // biome-ignore format: one line
}
