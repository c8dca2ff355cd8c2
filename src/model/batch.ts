import { BertError } from "../errors.ts";
import type { PackedBatch } from "../layers/packedBatch.ts";
import { nearest, unknownName } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BertConfig } from "./config.ts";

/**
 * The most tokens that are put together into one forward pass, unless a single text has more: enough that the largest
 * matrices are used well, and few enough that the activations of a base model stay near 100 MB, however many texts
 * there are.
 */
export const BATCH_TOKENS = 2048;

/** One sequence of T tokens; an `Encoding` of the tokenizer is one. */
export interface SequenceInput {
  /** [T], each in 0 … V−1. */
  readonly inputIds: ArrayLike<number>;
  /** [T], 0 for the first segment, 1 for the second; all 0 if left out. Without effect in a DistilBERT. */
  readonly tokenTypeIds?: ArrayLike<number>;
  /** [T], 1 for a real token, 0 for padding; all 1 if left out. */
  readonly attentionMask?: ArrayLike<number>;
  /** [T]; 0 … T−1 if left out. */
  readonly positionIds?: ArrayLike<number>;
}

/** A batch as Hugging Face lays it out: each field [B, T], all rows of one length. */
export interface BatchInput {
  readonly inputIds: readonly ArrayLike<number>[];
  readonly tokenTypeIds?: readonly ArrayLike<number>[];
  readonly attentionMask?: readonly ArrayLike<number>[];
  readonly positionIds?: readonly ArrayLike<number>[];
}

/** A packed batch, and the way back to [B, T] rows. */
export interface Batch extends PackedBatch {
  readonly B: number;
  /** The length of the longest sequence, padding included. */
  readonly T: number;
  /** [R]: row r of the packed batch is row padded[r] of [B · T]. */
  readonly padded: Int32Array;
}

/**
 * Checks a batch and lays its real tokens end to end. Tokens whose attention mask is 0 are left out: nothing is
 * computed for them, and as no token attends to them no result depends on them. The others keep their positions.
 *
 * @param first what messages call the first sequence: its index in whatever the batch is a part of
 * @throws BertError ERR_INPUT an empty batch, lengths that differ, an id, token type or position out of range, a mask
 *   that is neither 0 nor 1 or leaves nothing
 */
export function packBatch(input: readonly SequenceInput[] | BatchInput, c: BertConfig, first = 0): Batch {
  const sequences = isList(input) ? input : rowsOf(input);
  if (sequences.length === 0) throw inputError("the batch must have at least one sequence, got none");
  const T = Math.max(...sequences.map((s, b) => checkSequence(s, first + b)));
  const ids: number[] = [];
  const types: number[] = [];
  const positions: number[] = [];
  const padded: number[] = [];
  const offsets = [0];
  sequences.forEach((sequence, b) => {
    for (let t = 0; t < sequence.inputIds.length; t++) {
      const at = `[${first + b}][${t}]`;
      if (sequence.attentionMask && !oneOf(sequence.attentionMask[t], `attentionMask${at}`, "0 or 1", 2)) continue;
      ids.push(oneOf(sequence.inputIds[t], `inputIds${at}`, "the vocabulary", c.vocabSize));
      const type = c.typeVocabSize === 0 ? 0 : (sequence.tokenTypeIds?.[t] ?? 0);
      types.push(oneOf(type, `tokenTypeIds${at}`, "type_vocab_size", c.typeVocabSize || 1));
      positions.push(
        oneOf(sequence.positionIds?.[t] ?? t, `positionIds${at}`, "max_position_embeddings", c.maxPositionEmbeddings),
      );
      padded.push(b * T + t);
    }
    if (ids.length === offsets[b])
      throw inputError(`attentionMask[${first + b}] must leave at least one token, got only zeros`);
    offsets.push(ids.length);
  });
  return {
    B: sequences.length,
    T,
    inputIds: Int32Array.from(ids),
    tokenTypeIds: Int32Array.from(types),
    positionIds: Int32Array.from(positions),
    offsets: Int32Array.from(offsets),
    padded: Int32Array.from(padded),
  };
}

/**
 * Packed rows as [B, T, …], zeros where there is no token; always a copy, so that the caller owns it.
 *
 * @param packed [R, N]
 * @returns      [B, T, N]
 */
export function unpack(packed: Tensor, batch: Batch): Tensor {
  const N = packed.shape[1];
  const shape = [batch.B, batch.T, N];
  if (batch.padded.length === batch.B * batch.T) return { data: new Float32Array(packed.data), shape }; // no padding
  const data = new Float32Array(batch.B * batch.T * N);
  batch.padded.forEach((to, r) => {
    data.set(packed.data.subarray(r * N, (r + 1) * N), to * N);
  });
  return { data, shape };
}

/** A copy outside the backend's memory. */
export function owned({ data, shape }: Tensor): Tensor {
  return { data: new Float32Array(data), shape: [...shape] };
}

/**
 * The packed row of each asked token.
 *
 * @param positions for each sequence the indices of its tokens, as in inputIds
 * @returns [N], sequence after sequence
 * @throws BertError ERR_INPUT a list too few or too many, or an index that is no real token
 */
export function rowsAt(positions: readonly ArrayLike<number>[], batch: Batch): Int32Array {
  if (positions.length !== batch.B) {
    throw inputError(`maskedLmPositions must have one list for each of ${batch.B} sequences, got ${positions.length}`);
  }
  const rows = positions.flatMap((list, b) => {
    const [first, end] = [batch.offsets[b], batch.offsets[b + 1]];
    const padded = batch.padded.subarray(first, end);
    return Array.from(list, (t) => {
      const row = first + padded.indexOf(b * batch.T + t);
      if (row < first) throw inputError(`maskedLmPositions[${b}] must be indices of real tokens, got ${t}`);
      return row;
    });
  });
  return Int32Array.from(rows);
}

function isList(input: readonly SequenceInput[] | BatchInput): input is readonly SequenceInput[] {
  return Array.isArray(input);
}

const FIELDS = ["inputIds", "tokenTypeIds", "attentionMask", "positionIds"] as const;

/** Turns [B, T] fields into sequences; every row of every field must have the length of the first. */
function rowsOf(input: BatchInput): SequenceInput[] {
  refuseMisspelt(input);
  if (!Array.isArray(input?.inputIds)) {
    throw inputError("the batch must be a list of sequences or have inputIds of [B, T]");
  }
  const B = input.inputIds.length;
  const T = input.inputIds[0]?.length;
  for (const name of FIELDS) {
    const rows = input[name];
    if (rows === undefined) continue;
    if (rows.length !== B) throw inputError(`${name} must have as many rows as inputIds, ${B}, got ${rows.length}`);
    rows.forEach((row, b) => {
      if (row?.length === T) return;
      throw inputError(
        `${name}[${b}] must have ${T} numbers as inputIds[0] has, got ${row?.length}; pad the rows, or pass a list of sequences`,
      );
    });
  }
  return input.inputIds.map((_, b) =>
    Object.fromEntries(FIELDS.filter((name) => input[name]).map((name) => [name, input[name]?.[b]])),
  ) as unknown as SequenceInput[];
}

/** Checks the lengths of one sequence. @returns T, its number of tokens */
function checkSequence(sequence: SequenceInput, b: number): number {
  refuseMisspelt(sequence);
  const T = sequence?.inputIds?.length;
  if (!Number.isSafeInteger(T)) throw inputError(`inputIds of sequence ${b} must be an array of numbers`);
  if (T === 0) throw inputError(`inputIds[${b}] must have at least one token, got none`);
  for (const name of FIELDS) {
    const length = sequence[name]?.length ?? T;
    if (length !== T) throw inputError(`${name}[${b}] must have ${T} numbers as inputIds has, got ${length}`);
  }
  return T;
}

/** `token_type_ids` would be without effect. A sequence may have other fields, as an `Encoding` has. */
function refuseMisspelt(input: object): void {
  const names: readonly string[] = FIELDS;
  for (const name of Object.keys(input ?? {})) {
    if (names.includes(name) || otherFields.has(name)) continue;
    if (nearest(name, names) !== null) throw unknownName("forward", "field", name, names);
    if (otherFields.size < 100) otherFields.add(name);
  }
}

/** Fields that were found to be no misspelt ones: to find out took longer than to tokenize the text. */
const otherFields = new Set<string>();

/** Checks that a number is in 0 … count−1 and returns it. */
function oneOf(value: number, name: string, of: string, count: number): number {
  if (Number.isInteger(value) && value >= 0 && value < count) return value;
  throw inputError(`${name} must be a whole number from 0 to ${count - 1} (${of}), got ${value}`);
}

function inputError(what: string): BertError {
  return new BertError("ERR_INPUT", `forward: ${what}`);
}
