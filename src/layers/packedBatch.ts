/**
 * A batch of B sequences laid end to end without padding: R = ΣT rows. Work is spent on real tokens only, and no
 * sequence can see its neighbours.
 */
export interface PackedBatch {
  /** [R] */
  readonly inputIds: Int32Array;
  /** [R] */
  readonly tokenTypeIds: Int32Array;
  /** [R] */
  readonly positionIds: Int32Array;
  /** [B + 1]: sequence b is rows offsets[b] … offsets[b+1] − 1. */
  readonly offsets: Int32Array;
}
