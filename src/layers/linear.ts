import type { Backend } from "../tensor/backend.ts";
import type { Activation } from "../tensor/kernels/activations.ts";
import { expectShape, type Tensor, type Weight } from "../tensor/tensor.ts";

/** As PyTorch's nn.Linear stores them: weight [O, I], of any storage type, bias [O]. */
export interface LinearParams {
  readonly weight: Weight;
  readonly bias: Tensor;
}

/**
 * y = act(x Wᵀ + b)
 *
 * @param x          [R, I]
 * @param activation which act; none if left out
 * @returns          [R, O]
 * @throws BertError ERR_SHAPE
 */
export function linear(k: Backend, p: LinearParams, x: Tensor, activation?: Activation): Tensor {
  const { weight, bias } = p;
  const [O, I] = weight.shape;
  const R = x.shape[0];
  expectShape("linear", "x", x, { R, I });
  const y = k.empty([R, O]);
  if ("dtype" in weight) k.linearNarrow(y.data, x.data, weight, bias.data, R, activation ?? null);
  else k.linear(y.data, x.data, weight.data, bias.data, R, I, O, activation ?? null);
  return y;
}
