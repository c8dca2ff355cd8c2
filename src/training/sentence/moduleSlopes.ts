import { geluSlope } from "../../tensor/kernels/activations.ts";
import { SCALAR_ACTIVATIONS } from "../../tensor/kernels/otherActivations.ts";
import { sigmoid, tanh } from "../../tensor/kernels/transcendental.ts";

/** The derivative of an activation function of one number. */
export type Slope = (x: number) => number;

/**
 * The derivative of a Dense's activation function, by its class in PyTorch as `torchActivation` takes it: one that is
 * not PyTorch's counts as Tanh.
 *
 * @returns null: models are not trained with it
 */
export function torchSlope(path: string): Slope | null {
  const name = path.startsWith("torch.") ? (path.split(".").at(-1) as string) : "Tanh";
  return Object.hasOwn(SLOPES, name) ? SLOPES[name] : null;
}

const SLOPES: Readonly<Record<string, Slope>> = {
  Identity: () => 1,
  Tanh: (x) => (1 - tanh(x)) * (1 + tanh(x)),
  Sigmoid: SCALAR_ACTIVATIONS.sigmoid.slope,
  ReLU: (x) => (x > 0 ? 1 : 0),
  ReLU6: SCALAR_ACTIVATIONS.relu6.slope,
  LeakyReLU: SCALAR_ACTIVATIONS.leaky_relu.slope,
  GELU: geluSlope,
  SiLU: (x) => sigmoid(x) * (1 + x * sigmoid(-x)),
  Mish: SCALAR_ACTIVATIONS.mish.slope,
  Hardswish: SCALAR_ACTIVATIONS.hardswish.slope,
};

/** The names of the classes, for errors. */
export const TRAINED_ACTIVATIONS: readonly string[] = Object.keys(SLOPES);
