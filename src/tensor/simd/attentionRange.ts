import type { Kernels } from "./compile.ts";
import { PANEL, PANEL_ROW } from "./emitTile.ts";
import type { TensorMemory } from "./memory.ts";

/** Query rows whose scores are computed at a time: for 512 tokens 192 KB, which stay in a core's own cache. */
const ROWS = 96;

/** A thread's own arrays, which grow to the longest sequence. */
interface Room {
  readonly tokens: number;
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly scores: Float32Array;
  readonly zeros: Float32Array;
}

/**
 * The range kernel of attention (kernels/attention.ts): heads begin … end − 1, counted through all sequences. D must be a
 * multiple of 16, as whole panels are written.
 *
 * Arguments: the addresses out, query, key, value [R, H], offsets [B + 1] of i32 and headMask [A]; H, A, begin, end.
 */
export function attentionRange(k: Kernels, memory: TensorMemory, side: number): (...args: number[]) => void {
  let room: Room | null = null;

  function roomFor(tokens: number, D: number): Room {
    if (room && room.tokens >= tokens && room.values.length >= room.tokens * D) return room;
    if (room) for (const array of [room.keys, room.values, room.scores, room.zeros]) memory.release(array);
    const padded = Math.ceil(tokens / PANEL) * PANEL;
    room = {
      tokens,
      keys: memory.allocate(padded * D),
      values: memory.allocate(tokens * D),
      scores: memory.allocate(ROWS * padded),
      zeros: memory.allocate(Math.max(padded, D)),
    };
    return room;
  }

  return (out, query, key, value, offsets, headMask, H, A, begin, end) => {
    const D = H / A;
    const stride = H * 4;
    const starts = new Int32Array(memory.memory.buffer, offsets);
    const masks = new Float32Array(memory.memory.buffer, headMask);
    for (let unit = begin; unit < end; unit++) {
      const b = Math.floor(unit / A);
      const a = unit % A;
      const T = starts[b + 1] - starts[b];
      const at = (starts[b] * H + a * D) * 4; // of head a of sequence b, from the start of each [R, H]
      const { keys, values, scores, zeros } = roomFor(T, D);
      const keyPanels = Math.ceil(T / PANEL);
      for (let p = 0; p < keyPanels; p++) {
        const width = Math.min(PANEL, T - p * PANEL);
        k.packRows(keys.byteOffset + p * D * PANEL_ROW, key + at + p * PANEL * stride, stride, D, width);
      }
      for (let p = 0; p < D / PANEL; p++) {
        k.packColumns(values.byteOffset + p * T * PANEL_ROW, value + at + p * PANEL_ROW, stride, T, PANEL);
      }
      const wide = keyPanels * PANEL_ROW; // bytes of a row of scores
      for (let row = 0; row < T; row += ROWS) {
        const rows = Math.min(ROWS, T - row);
        const from = at + row * stride;
        // biome-ignore format: addresses, strides, sizes
        k.multiply(
          scores.byteOffset, zeros.byteOffset, query + from, keys.byteOffset, side,
          wide, 0, stride, D * PANEL_ROW, rows, D, keyPanels, 1 / Math.sqrt(D),
        );
        k.softmaxRows(scores.byteOffset, wide, rows, T);
        // biome-ignore format: addresses, strides, sizes
        k.multiply(
          out + from, zeros.byteOffset, scores.byteOffset, values.byteOffset, side,
          stride, 0, wide, T * PANEL_ROW, rows, T, D / PANEL, masks[a],
        );
      }
    }
  };
}
