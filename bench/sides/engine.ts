/** BERT's encoder in some library, loaded with the bench's weights. */
export interface Engine {
  readonly name: string;
  /** Of the engines of one library the fastest counts. */
  readonly library: string;
  /**
   * The last hidden states of token sequences, as one batch.
   *
   * @returns [B, T, H], T that of the longest; what is in the rows of padding is the library's affair
   */
  encode(sequences: readonly Sequence[]): Promise<Float32Array>;
  /** The milliseconds of one such call, where it is not this process that computes. */
  time?(sequences: readonly Sequence[]): Promise<number>;
  dispose(): Promise<void>;
}

/** Token ids. */
export type Sequence = readonly number[];

/** Sequences as the rows of a rectangle [B, T], with the mask that tells tokens from padding. */
export interface PaddedBatch {
  readonly shape: readonly [B: number, T: number];
  readonly inputIds: Int32Array;
  readonly attentionMask: Int32Array;
}

/** Pads to the longest with id 0, [PAD]. */
export function pad(sequences: readonly Sequence[]): PaddedBatch {
  const B = sequences.length;
  const T = Math.max(...sequences.map((sequence) => sequence.length));
  const inputIds = new Int32Array(B * T);
  const attentionMask = new Int32Array(B * T);
  sequences.forEach((sequence, b) => {
    inputIds.set(sequence, b * T);
    attentionMask.fill(1, b * T, b * T + sequence.length);
  });
  return { shape: [B, T], inputIds, attentionMask };
}
