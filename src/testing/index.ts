/**
 * `plainbert/testing`: what each step of the model returns, and how it differs from what another engine, machine or
 * version made of the same text.
 *
 * @module
 */
export { type Activations, type ActivationsOptions, collectActivations } from "./collectActivations.ts";
export {
  type CompareOptions,
  compareTensors,
  type NamedTensors,
  type TensorComparison,
  type TensorDifference,
} from "./compareTensors.ts";
export type { NumberDifference } from "./numberDifference.ts";
