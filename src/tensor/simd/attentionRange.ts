import type { Kernels } from "./kernelNames.ts";
import type { TensorMemory } from "./memory.ts";
import { multiplyBlock, ROWS } from "./multiplyRange.ts";
import { packFactor } from "./packing.ts";
import { PANEL, PANEL_ROW } from "./panels.ts";

/** Arrays of one thread, which grow to the longest sequence. */
interface Room {
  readonly tokens: number;
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly scores: Float32Array;
  readonly zeros: Float32Array;
}

/**
 * The range kernel of attention (kernels/attention.ts): heads begin … end − 1, counted through all sequences. D must be
 * a multiple of 16, as whole panels are written.
 *
 * Arguments: the addresses out, query, key, value [R, H], offsets and after them readOffsets, each [B + 1] of
 * i32, and headMask [A]; B, H, A, begin, end.
 */
export function attentionRange(k: Kernels, memory: TensorMemory): (...args: number[]) => void {
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
      zeros: memory.allocate(Math.max(padded, D)).fill(0),
    };
    return room;
  }

  return (out, query, key, value, offsets, headMask, B, H, A, begin, end) => {
    const D = H / A;
    const stride = H * 4;
    const starts = new Int32Array(memory.memory.buffer, offsets);
    const queryStarts = starts.subarray(B + 1);
    const masks = new Float32Array(memory.memory.buffer, headMask);
    for (let unit = begin; unit < end; unit++) {
      const b = Math.floor(unit / A);
      const a = unit % A;
      const T = starts[b + 1] - starts[b];
      const M = queryStarts[b + 1] - queryStarts[b];
      if (M === 0) continue;
      const at = (starts[b] * H + a * D) * 4; // of head a of sequence b, from the start of each [R, H]
      const queryAt = (queryStarts[b] * H + a * D) * 4; // and of each [M, H]
      const { keys, values, scores, zeros } = roomFor(T, D);
      const keyPanels = Math.ceil(T / PANEL);
      packFactor(k, "packRows", keys.byteOffset, key + at, stride, D, T);
      packFactor(k, "packColumns", values.byteOffset, value + at, stride, T, D);
      const scoresStride = keyPanels * PANEL_ROW;
      for (let row = 0; row < M; row += ROWS) {
        const rows = Math.min(ROWS, M - row);
        const from = queryAt + row * stride;
        // biome-ignore format: addresses, strides, sizes
        multiplyBlock(
          k, "multiply", scores.byteOffset, zeros.byteOffset, query + from, keys.byteOffset,
          scoresStride, 0, stride, rows, D, keyPanels, 1 / Math.sqrt(D), 0, keyPanels,
        );
        k.softmaxRows(scores.byteOffset, scoresStride, rows, T);
        // biome-ignore format: addresses, strides, sizes
        multiplyBlock(
          k, "multiply", out + from, zeros.byteOffset, scores.byteOffset, values.byteOffset,
          stride, 0, scoresStride, rows, T, D / PANEL, masks[a], 0, D / PANEL,
        );
      }
    }
  };
}
