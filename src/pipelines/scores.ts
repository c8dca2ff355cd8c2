import { BertError } from "../errors.ts";
import { exp } from "../tensor/kernels/transcendental.ts";

/**
 * softmax(x)_i = e^(x_i − m) / Σ_j e^(x_j − m), m = max x, in float64 with the project's own exp: the same bits on
 * every machine.
 *
 * @throws BertError ERR_CHECKPOINT a logit is not a number or infinite: the weights are too large for float32
 */
export function softmax(where: string, logits: Float32Array): Float64Array {
  const max = logits.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
  const scores = Float64Array.from(logits, (x) => exp(x - max));
  const sum = scores.reduce((total, e) => total + e, 0);
  if (!Number.isFinite(sum)) {
    throw new BertError("ERR_CHECKPOINT", `${where}: the model's logits must be finite numbers, got others`);
  }
  return scores.map((e) => e / sum);
}

/**
 * The indices of the k largest values, largest first; of equal values the one with the lower index comes first.
 * A heap of k indices with the worst at its top, so the cost is O(V log k) instead of the O(V log V) of a sort.
 */
export function topK(values: ArrayLike<number>, k: number): number[] {
  const heap: number[] = [];
  const worse = (a: number, b: number) => values[a] < values[b] || (values[a] === values[b] && a > b);
  const siftDown = (at: number): void => {
    for (;;) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && worse(heap[child], heap[worst])) worst = child;
      }
      if (worst === at) return;
      [heap[at], heap[worst]] = [heap[worst], heap[at]];
      at = worst;
    }
  };
  for (let i = 0; i < values.length; i++) {
    if (heap.length < k) {
      heap.push(i);
      if (heap.length === k || i === values.length - 1) {
        for (let at = heap.length >> 1; at >= 0; at--) siftDown(at);
      }
    } else if (worse(heap[0], i)) {
      heap[0] = i;
      siftDown(0);
    }
  }
  return heap.sort((a, b) => (worse(a, b) ? 1 : -1));
}
