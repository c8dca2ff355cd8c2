import { BertError } from "../errors.ts";
import { sumOfExponentials } from "../tensor/kernels/softmax.ts";
import { exp, log } from "../tensor/kernels/transcendental.ts";

/**
 * softmax(x)_i = e^(x_i − m) / Σ_j e^(x_j − m), m = max x, in float64 with the project's own exp: the same bits on
 * every machine.
 *
 * @param indices whose scores are wanted; all if left out
 * @throws BertError ERR_CHECKPOINT a logit is not a number or infinite: the weights are too large for float32
 */
export function softmax(where: string, logits: Float32Array, indices?: readonly number[]): Float64Array {
  const { max, sum } = finiteSum(where, logits);
  const asked = indices ? Float32Array.from(indices, (i) => logits[i]) : logits;
  return Float64Array.from(asked, (x) => exp(x - max) / sum);
}

/**
 * log softmax(x)_i = x_i − m − log Σ_j e^(x_j − m), m = max x, in float64: finite also where the probability is too
 * small for a number.
 */
export function logSoftmaxAt(where: string, logits: Float32Array, index: number): number {
  const { max, sum } = finiteSum(where, logits);
  return logits[index] - max - log(sum);
}

/** m = max x and Σ_j e^(x_j − m) of finite logits. */
function finiteSum(where: string, logits: Float32Array): { max: number; sum: number } {
  const found = sumOfExponentials(logits, 0, logits.length);
  if (Number.isFinite(found.sum)) return found;
  throw new BertError("ERR_CHECKPOINT", `${where}: the model's logits must be finite numbers, got others`);
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
