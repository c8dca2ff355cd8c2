/** Largest differences from Hugging Face's float64 answers on the small model, each with the worst one measured. */
export const TOLERANCE = {
  /** Probabilities of masked tokens, absolute. */
  fillMask: 7.3e-8, // measured 7.21e-8
  /** The same, as a share of the probability. */
  fillMaskRelative: 4.4e-7, // measured 4.394e-7
  /** Probabilities of the next sentence. */
  nextSentence: 3.3e-8, // measured 3.28e-8
  /** Elements of vectors up to 4 in size, pooled or not. */
  features: 8.4e-7, // measured 8.37e-7
} as const;
