import type { Dataset } from "../data/dataset.ts";
import { checkedSentences, checkedTextsAlone, isText } from "../data/sentenceExamples.ts";
import { rolesOf, type SentenceRole } from "../sentence/encodeSentences.ts";

/** A text of which a student learns its teacher's vector. */
export interface DistilledText {
  readonly where: string;
  readonly text: string;
  /** Which prompts and lengths it gets, of the teacher's folder and of the student's. */
  readonly role: SentenceRole;
}

/**
 * The texts of examples, each once: of texts alone these, without a role; of pairs and scored pairs all that they have,
 * an anchor as a query.
 *
 * @throws BertError ERR_INPUT naming example and field
 */
export function distilledTexts({ name, examples }: Dataset): DistilledText[] {
  const all = isText(examples[0])
    ? checkedTextsAlone(name, examples).map((one): DistilledText => ({ ...one, role: null }))
    : checkedSentences(name, examples).flatMap(({ where, texts, score }) => {
        const roles = rolesOf(texts, score);
        return texts.map((text, i) => ({ where, text, role: roles[i] }));
      });
  const first = new Map<string, DistilledText>();
  for (const one of all) if (!first.has(keyOf(one))) first.set(keyOf(one), one);
  return [...first.values()];
}

/** The same for the same text in the same role. */
export function keyOf({ role, text }: DistilledText): string {
  return `${role} ${text}`;
}
