import type { Backend } from "../tensor/backend.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";

/** As PyTorch's nn.Linear stores them: weight [O, I], bias [O]. */
export interface LinearParams {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/**
 * y = x Wᵀ + b
 *
 * @param x [R, I]
 * @returns [R, O]
 * @throws BertError ERR_SHAPE
 */
export function linear(k: Backend, p: LinearParams, x: Tensor): Tensor {
  const [O, I] = p.weight.shape;
  const R = x.shape[0];
  expectShape("linear", "x", x, { R, I });
  const y = k.zeros([R, O]);
  k.linear(y.data, x.data, p.weight.data, p.bias.data, R, I, O);
  return y;
}
