import { messageOf } from "../../../realm.ts";
import { ACTIVATIONS_BACKWARD, type ActivationBackward } from "../../kernels/activations.ts";
import { plainTraining } from "../../kernels/training.ts";
import type { Tensor } from "../../tensor.ts";
import type { TrainingBackend, TrainingScope } from "../../trainingBackend.ts";
import { tableOf } from "../kernelNames.ts";
import { numbers, wrongAt } from "../selfCheck.ts";

/**
 * Runs every kernel of training once on a small case and compares with `plain`, as `mismatch` does those of inference.
 *
 * @returns null if all agree, else what does not
 */
export function trainingMismatch(backend: TrainingScope): string | null {
  const k = backend.scope();
  try {
    for (const [name, run] of Object.entries(CASES)) {
      const wrong = wrongAt(name, run(k), run(plainTraining));
      if (wrong !== null) return wrong;
    }
    return null;
  } catch (error) {
    return messageOf(error);
  } finally {
    k.release();
  }
}

const MASK = { probability: 0.3, seed: 0xdeadbeef, step: 3, site: 5 };
/** Remainders of each loop: of tiles, panels, units of panels, steps and vectors. */
const [R, I, O] = [37, 133, 53];

function joined(...tensors: readonly Tensor[]): Float32Array {
  return Float32Array.from(tensors.flatMap(({ data }) => [...data]));
}

function attention(k: TrainingBackend, H: number): Float32Array {
  const [A, offsets, read] = [2, Int32Array.of(0, 19, 22), Int32Array.of(0, 17, 18)];
  const [query, dout] = [1, 2].map((seed) => numbers(k, [18, H], seed));
  const [key, value] = [3, 4].map((seed) => numbers(k, [22, H], seed));
  for (let i = 0; i < query.data.length; i++) query.data[i] /= 8; // else softmax makes 10 of one rounding of the scores
  const [out, dquery] = [k.empty([18, H]), k.empty([18, H])];
  const [dkey, dvalue] = [k.empty([22, H]), k.empty([22, H])];
  const [q, K, v] = [query.data, key.data, value.data];
  k.attentionWithDropout(out.data, q, K, v, offsets, H, A, MASK, read);
  const [dq, dk, dv] = [dquery.data, dkey.data, dvalue.data];
  k.attentionBackward(dq, dk, dv, dout.data, q, K, v, offsets, H, A, MASK, read);
  return joined(out, dquery, dkey, dvalue);
}

function elementwise(k: TrainingBackend, kernel: ActivationBackward): Float32Array {
  const { data } = numbers(k, [27], 1);
  k[kernel](data, data, numbers(k, [27], 2).data);
  return data;
}

const CASES: Readonly<Record<string, (k: TrainingBackend) => Float32Array>> = {
  linear: (k) => {
    const y = k.empty([R, O]);
    const [x, weight, bias] = [numbers(k, [R, I], 1), numbers(k, [O, I], 2), numbers(k, [O], 3)];
    k.linear(y.data, x.data, weight.data, bias.data, R, I, O, "gelu");
    return y.data;
  },
  linearBackwardInput: (k) => {
    const dx = numbers(k, [R, I], 1);
    k.linearBackwardInput(dx.data, numbers(k, [R, O], 2).data, numbers(k, [O, I], 3).data, R, I, O);
    return dx.data;
  },
  linearBackwardWeight: (k) => {
    const [dweight, dbias] = [numbers(k, [O, I], 1), numbers(k, [O], 2)];
    const [dy, x] = [numbers(k, [R, O], 3), numbers(k, [R, I], 4)];
    k.linearBackwardWeight(dweight.data, dbias.data, dy.data, x.data, R, I, O);
    return joined(dweight, dbias);
  },
  attention: (k) => attention(k, 64),
  "attention, heads of 5": (k) => attention(k, 10),
  layerNormBackward: (k) => {
    const [dx, dgamma, dbeta] = [numbers(k, [R, 21], 1), numbers(k, [21], 2), numbers(k, [21], 3)];
    const [x, gamma] = [numbers(k, [R, 21], 4), numbers(k, [21], 5)];
    k.layerNormBackward(dx.data, dgamma.data, dbeta.data, dx.data, x.data, gamma.data, R, 21, 1e-12);
    return joined(dx, dgamma, dbeta);
  },
  ...tableOf(ACTIVATIONS_BACKWARD, (name) => (k: TrainingBackend) => elementwise(k, name)),
  gatherRowsBackward: (k) => {
    const table = numbers(k, [3, 5], 1);
    k.gatherRowsBackward(table.data, numbers(k, [4, 5], 2).data, Int32Array.of(2, 0, 2, 2), 5);
    return table.data;
  },
  dropout: (k) => {
    const { data } = numbers(k, [75], 1);
    k.dropout(data, data, MASK);
    return data;
  },
  crossEntropy: (k) => {
    const logits = numbers(k, [3, 1043], 1);
    logits.data[9] = 4.5; // the largest of its row, so that it counts as correct
    const { loss, correct } = k.crossEntropy(logits.data, logits.data, Int32Array.of(9, -100, 7), 3, 1043, 0.5);
    return Float32Array.of(...logits.data, loss / 100, correct);
  },
  sumOfSquares: (k) => Float32Array.of(k.sumOfSquares(numbers(k, [1043], 1).data)),
  adamw: (k) => {
    const [weight, first, gradient] = [1, 2, 3].map((seed) => numbers(k, [27], seed));
    const second = k.zeros([27]);
    second.data.fill(0.3);
    const rates = { beta1: 0.9, beta2: 0.99, epsilon: 1e-3, stepSize: 0.1, correction: 0.8, decay: 0.01 };
    k.adamw(weight.data, first.data, second.data, gradient.data, { gradientScale: 0.7, ...rates });
    return joined(weight, first, second);
  },
};
