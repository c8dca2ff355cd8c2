/** What can be taken from a model or a text, and from which of its answers. */

/**
 * What fits in a gap; whether the second text follows; the label of the text, or its score; the label of a token; the
 * part of the text that answers; the text's vector, the mean of its tokens', as a cosine to that of the whole model and
 * text.
 */
export const SUBJECTS = ["gap", "next", "label", "token", "span", "vector"] as const;
/** One of them. */
export type SubjectKind = (typeof SUBJECTS)[number];

/**
 * What stands in the place of a word that is taken away: [MASK], [UNK], or nothing: the text is that much shorter, and
 * the tokens behind it move up.
 */
export const OCCLUSIONS = ["mask", "unk", "removed"] as const;
/** One of them. */
export type Occlusion = (typeof OCCLUSIONS)[number];

/** What is taken away at once: all pieces of a word, or one token. */
export const UNITS = ["word", "token"] as const;
/** One of them. */
export type UnitKind = (typeof UNITS)[number];

/** A head by its layer and its place there, from 0. */
export type HeadAt = readonly [layer: number, head: number];
