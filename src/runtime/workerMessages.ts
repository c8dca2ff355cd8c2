import type { BertErrorCode } from "../errors.ts";
import type { BertConfig } from "../model/config.ts";
import type { HeadOutput } from "../model/forward.ts";
import type { ForwardRequest } from "../model/forwardRequest.ts";
import type { StoredWeight, Tensor } from "../tensor/tensor.ts";

/** Where a parameter stands in the shared memory. */
export interface ParameterPlace {
  readonly name: string;
  /** How it is stored; null for a `Tensor`. */
  readonly dtype: StoredWeight["dtype"] | null;
  readonly byteOffset: number;
  /** Of its array, in elements. */
  readonly length: number;
  /** Of the scales of int8; else 0. */
  readonly scaleOffset: number;
  readonly shape: readonly number[];
}

/** The first message to the forward worker: the model that it computes. */
export interface ModelMessage {
  readonly type: "start";
  readonly config: BertConfig;
  /** What `Sharing.message` of the backend returned. */
  readonly backend: unknown;
  readonly parameters: readonly ParameterPlace[];
}

/** A forward pass to compute. */
export interface CallMessage {
  readonly type: "call";
  readonly id: number;
  readonly requests: readonly ForwardRequest[];
  /** Whether every tap is to be posted. */
  readonly tap: boolean;
  /** One number in shared memory, which the caller sets to 1 when the pass is not wanted any more. */
  readonly stop: Int32Array;
}

/** What the forward worker posts: that it runs, once; for each call taps in order, then one of the others. */
export type WorkerAnswer =
  | { readonly type: "ready" }
  | { readonly type: "tap"; readonly id: number; readonly name: string; readonly tensor: Tensor }
  | { readonly type: "output"; readonly id: number; readonly outputs: readonly HeadOutput[] }
  | { readonly type: "stopped"; readonly id: number }
  | { readonly type: "failed"; readonly id: number; readonly error: PostedError };

/** An error as a message: a thread gets only the parts of a class that it can clone. */
export interface PostedError {
  /** null for one that is no BertError. */
  readonly code: BertErrorCode | null;
  readonly message: string;
  readonly stack: string;
}
