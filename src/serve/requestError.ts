import { BertError, shown } from "../errors.ts";

/** What kind of mistake an error's body names: the values of text-embeddings-inference's `error_type`. */
export type ErrorType = "Unhealthy" | "Backend" | "Overloaded" | "Validation" | "Tokenizer" | "Empty";

/** The status of each, and how `te_request_failure` counts it. */
const KINDS: Readonly<Record<ErrorType, readonly [status: number, err: string]>> = {
  Unhealthy: [503, "inference"],
  Backend: [424, "inference"],
  Overloaded: [429, "overloaded"],
  Validation: [413, "validation"],
  Tokenizer: [422, "tokenization"],
  Empty: [400, "validation"],
};

/** Why a request is not answered as it was meant. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly type: ErrorType;
  readonly status: number;
  /** How the metrics count it. */
  readonly err: string;

  /** @param kind where status or count differ from those of the type */
  constructor(type: ErrorType, message: string, kind: { readonly status?: number; readonly err?: string } = {}) {
    super(message);
    const { status = KINDS[type][0], err = KINDS[type][1] } = kind;
    this.type = type;
    this.status = status;
    this.err = err;
  }
}

/** 422: the body is JSON, but a field of it is not what it must be. */
export function wrongField(name: string, expected: string, got: unknown): RequestError {
  const what = `${name}: must be ${expected}, got ${shown(got)}`;
  const message = `Failed to deserialize the JSON body into the target type: ${what}`;
  return new RequestError("Validation", message, { status: 422 });
}

/** 424: an endpoint that needs a model of another kind. */
export function wrongModel(message: string): RequestError {
  return new RequestError("Backend", `Backend error: ${message}`, { err: "model_type" });
}

/** ERR_CHECKPOINT: the model computes what is no number. */
export function wrongLogits(where: string): BertError {
  return new BertError("ERR_CHECKPOINT", `${where}: the model's logits must be finite numbers, got others`);
}

/** 499: nobody reads the answer. */
export function clientGone(): RequestError {
  return new RequestError("Validation", "The client has gone", { status: 499, err: "dropped" });
}

/** What an error of the engine is to a client; null: it is none that a request can cause. */
export function requestErrorOf(error: unknown): RequestError | null {
  if (error instanceof RequestError) return error;
  if (!(error instanceof BertError)) return null;
  if (error.code === "ERR_INPUT") return new RequestError("Tokenizer", error.message);
  if (error.code === "ERR_CHECKPOINT") return new RequestError("Backend", `Backend error: ${error.message}`);
  return error.code === "ERR_BACKEND" ? new RequestError("Unhealthy", error.message) : null;
}
