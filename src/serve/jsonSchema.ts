/** A JSON Schema of draft 2020-12, which is what OpenAPI 3.1 takes. */
export type Schema = Readonly<Record<string, unknown>>;

export const string: Schema = { type: "string" };
export const number: Schema = { type: "number" };
export const count: Schema = { type: "integer", minimum: 0 };
export const positive: Schema = { type: "integer", minimum: 1 };
export const truth: Schema = { type: "boolean" };

/** A schema of the document, by its name. */
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const list = (items: Schema, limits: Schema = {}): Schema => ({ type: "array", items, ...limits });
/** A list that is not empty. */
export const some = (items: Schema): Schema => list(items, { minItems: 1 });
export const any = (...of: Schema[]): Schema => ({ anyOf: of });
/** A field that may be left out; null is the same. */
export const optional = (type: string, description: string): Schema => ({ type: [type, "null"], description });
export const choice = (...values: (string | number | null)[]): Schema => ({ enum: values });
/** @param others may be left out */
export const object = (
  fields: Readonly<Record<string, Schema>>,
  others: Readonly<Record<string, Schema>> = {},
): Schema => ({
  type: "object",
  required: Object.keys(fields),
  properties: { ...fields, ...others },
});

/** A request's body. */
export const request = (
  fields: Readonly<Record<string, Schema>>,
  others: Readonly<Record<string, Schema>> = {},
): Schema => object(fields, { ...others, model: ref("ModelName") });

/** What is asked by POST. */
export interface Post {
  readonly summary: string;
  /** The body of a request. */
  readonly request: Schema;
  /** The body of an answer with status 200. */
  readonly answer: Schema;
  /** What status 424 says; left out: every model answers. */
  readonly wrongModel?: string;
  /** Whether errors are in OpenAI's form. */
  readonly isOpenAi?: boolean;
}
