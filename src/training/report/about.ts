import { count } from "./html.ts";

/** What a report calls a model. */
export function modelText(model: string | null | undefined): string {
  return model ?? "the small model that comes with plainbert";
}

/** Where examples came from, and how many: `dev.jsonl, 872 examples`. */
export function examplesText(file: unknown, n: number): string {
  const many = `${count(n)} ${n === 1 ? "example" : "examples"}`;
  return typeof file === "string" ? `${file}, ${many}` : many;
}
