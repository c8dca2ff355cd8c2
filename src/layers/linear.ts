import type { Backend } from "../tensor/backend.ts";
import type { Activation } from "../tensor/kernels/activations.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";

/** As PyTorch's nn.Linear stores them: weight [O, I], bias [O]. */
export interface LinearParams {
  readonly weight: Tensor;
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
  const [O, I] = p.weight.shape;
  const R = x.shape[0];
  expectShape("linear", "x", x, { R, I });
  const y = k.empty([R, O]);
  k.linear(y.data, x.data, p.weight.data, p.bias.data, R, I, O, activation ?? null);
  return y;
}
