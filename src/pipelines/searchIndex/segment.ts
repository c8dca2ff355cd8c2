/** Strings as UTF-8 end to end: they lie outside of the engine's heap, whose size is limited. */
export interface Utf8Column {
  readonly bytes: Uint8Array;
  /** Where each ends. */
  readonly ends: Float64Array;
}

/**
 * Some texts of an index with all that belongs to them, a row for each. It never changes: a search or a save that is
 * under way goes on with the segments that it began with.
 */
export interface Segment {
  /** [rows, H], each of length 1, or zeros. */
  readonly vectors: Float32Array;
  /** The `index` of each text, ascending. */
  readonly numbers: Float64Array;
  /** The ids that were given, null for other texts; null: none was. */
  readonly ids: readonly (string | null)[] | null;
  readonly texts: Utf8Column;
  /** As JSON; empty: none. */
  readonly metadata: Utf8Column;
  /** 1 for a row that has been removed; null: none has. */
  readonly removed: Uint8Array | null;
  /** How many rows have not been removed. */
  readonly count: number;
}

/** A text that is to become a row. */
export interface NewRow {
  readonly text: string;
  readonly id: string | null;
  readonly metadata: string | null;
  /** [H] */
  readonly vector: Float32Array;
}

/** Vectors of a segment, in numbers: 8 MB of them. What is done with one at a time takes few milliseconds. */
const SEGMENT_NUMBERS = 1 << 21;
/** Bytes of texts in a segment, beyond which it is full. */
export const SEGMENT_BYTES: number = 1 << 25;

/** How many rows a segment has at most, with vectors of H numbers. */
export function mostRows(H: number): number {
  return Math.max(1, Math.floor(SEGMENT_NUMBERS / H));
}

/** Rows on their way into segments. */
export class SegmentBuilder {
  private readonly finished: Segment[] = [];
  private rows: NewRow[] = [];
  private characters = 0;
  private count = 0;

  add(row: NewRow): void {
    this.rows.push(row);
    this.count++;
    this.characters += row.text.length + (row.metadata?.length ?? 0);
    if (this.rows.length >= mostRows(row.vector.length) || this.characters >= SEGMENT_BYTES) this.close();
  }

  /** Everything that was added, as segments; their texts are numbered from 0. */
  finish(): Segment[] {
    if (this.rows.length > 0) this.close();
    return this.finished;
  }

  private close(): void {
    const { rows } = this;
    const H = rows[0].vector.length;
    const vectors = new Float32Array(rows.length * H);
    for (const [r, { vector }] of rows.entries()) vectors.set(vector, r * H);
    const first = this.count - rows.length;
    this.finished.push({
      vectors,
      numbers: Float64Array.from(rows, (_, r) => first + r),
      ids: rows.some(({ id }) => id !== null) ? rows.map(({ id }) => id) : null,
      texts: columnOf(rows.map(({ text }) => text)),
      metadata: columnOf(rows.map(({ metadata }) => metadata ?? "")),
      removed: null,
      count: rows.length,
    });
    this.rows = [];
    this.characters = 0;
  }
}

/** Strings as a column. */
export function columnOf(strings: readonly string[]): Utf8Column {
  const encoder = new TextEncoder();
  return endToEnd(strings.map((string) => encoder.encode(string)));
}

function endToEnd(parts: readonly Uint8Array[]): Utf8Column {
  const ends = new Float64Array(parts.length);
  let end = 0;
  for (const [r, { length }] of parts.entries()) {
    end += length;
    ends[r] = end;
  }
  const bytes = new Uint8Array(end);
  for (const [r, part] of parts.entries()) bytes.set(part, ends[r] - part.length);
  return { bytes, ends };
}

/** The bytes of row r. */
function bytesAt({ bytes, ends }: Utf8Column, r: number): Uint8Array {
  return bytes.subarray(r === 0 ? 0 : ends[r - 1], ends[r]);
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The string of row r. */
export function stringAt(column: Utf8Column, r: number): string {
  return decoder.decode(bytesAt(column, r));
}

/** Whether row r is still there. */
export function isLive({ removed }: Segment, r: number): boolean {
  return removed === null || removed[r] === 0;
}

/** The rows that are still there, of segments in order. */
export function* liveRows(segments: readonly Segment[]): Generator<readonly [Segment, number]> {
  for (const segment of segments) {
    for (let r = 0; r < segment.numbers.length; r++) if (isLive(segment, r)) yield [segment, r];
  }
}

/** The same segment without some rows. */
export function withoutRows(segment: Segment, rows: readonly number[]): Segment {
  const removed = segment.removed?.slice() ?? new Uint8Array(segment.numbers.length);
  for (const r of rows) removed[r] = 1;
  return { ...segment, removed, count: segment.count - rows.length };
}

/** One segment of the rows of several that are still there. */
export function merged(segments: readonly Segment[], H: number): Segment {
  const count = segments.reduce((sum, segment) => sum + segment.count, 0);
  const vectors = new Float32Array(count * H);
  const numbers = new Float64Array(count);
  let at = 0;
  for (const [{ vectors: from, numbers: given }, r] of liveRows(segments)) {
    vectors.set(from.subarray(r * H, (r + 1) * H), at * H);
    numbers[at++] = given[r];
  }
  const given = segments.some(({ ids }) => ids !== null);
  return {
    vectors,
    numbers,
    ids: given ? Array.from(liveRows(segments), ([{ ids }, r]) => ids?.[r] ?? null) : null,
    texts: mergedColumn(segments, ({ texts }) => texts),
    metadata: mergedColumn(segments, ({ metadata }) => metadata),
    removed: null,
    count,
  };
}

function mergedColumn(segments: readonly Segment[], column: (segment: Segment) => Utf8Column): Utf8Column {
  return endToEnd(Array.from(liveRows(segments), ([segment, r]) => bytesAt(column(segment), r)));
}

/**
 * Puts a segment behind others. Small ones are put together: each time a row is copied, its segment at least doubles,
 * so adding texts one by one copies each 13 times at most and leaves few segments.
 */
export function pushSegment(segments: Segment[], segment: Segment, H: number): void {
  let next = segment;
  for (;;) {
    const last = segments.at(-1);
    if (!last || last.count > next.count || last.count + next.count > mostRows(H) || !fits(last, next)) break;
    segments.pop();
    next = merged([last, next], H);
  }
  segments.push(next);
}

function fits(a: Segment, b: Segment): boolean {
  const bytesOf = ({ texts, metadata }: Segment) => texts.bytes.length + metadata.bytes.length;
  return bytesOf(a) + bytesOf(b) <= SEGMENT_BYTES;
}
