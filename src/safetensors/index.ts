/**
 * `plainbert/safetensors`: the file format of checkpoints (https://github.com/huggingface/safetensors).
 * A file is a length (8 bytes), a JSON header of that length, and the tensors' bytes one after the other.
 */
export type { Dtype, NumberArray } from "./dtype.ts";
export type { SafetensorsHeader, TensorEntry } from "./header.ts";
export {
  openSafetensors,
  type RandomAccess,
  randomAccess,
  readSafetensors,
  type Safetensors,
  type Weights,
} from "./safetensorsReader.ts";
export { type TensorToWrite, writeSafetensors } from "./safetensorsWriter.ts";
