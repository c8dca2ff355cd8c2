/** The examples of the pages as modules that a browser can run, and why it cannot run the others. */
import { transformSync } from "rolldown/utils";
import type { Example } from "../../test/support/examples.ts";

/** What an example does that a page cannot, and what is said of it. */
const NOT_IN_A_PAGE: readonly (readonly [does: RegExp, why: string])[] = [
  [/ from "node:/, "It uses modules of Node."],
  [/\b(finetune|pretrain)\(/, "It trains a model into a folder."],
  [/\bsaveBert\(|\.save\(/, "It writes files."],
  [/\bloadBert\("models"\)/, "It looks for a folder on the disk."],
  [/\bloadBert\("google-bert\//, "It looks for a model that was downloaded."],
];

/** Why an example has no Run button; null: it has one. */
export const whyNotInPage = ({ code }: Pick<Example, "code">): string | null =>
  NOT_IN_A_PAGE.find(([does]) => does.test(code))?.[1] ?? null;

/**
 * An example as a module for the folder `run` of the site.
 *
 * @param entries the files of the package's entry points, by what programs import
 */
export function moduleOf({ name, code }: Example, entries: ReadonlyMap<string, string>): string {
  const { code: script, errors } = transformSync(`${name}.ts`, code, { target: "esnext" });
  if (errors.length > 0) throw new Error(`moduleOf: ${name}: ${errors[0].message}`);
  return script
    .replaceAll(/(?<= from )"(plainbert[^"]*)"/g, (_, imported: string) => {
      const entry = entries.get(imported);
      if (entry === undefined) throw new Error(`moduleOf: ${imported} is no entry point for browsers`);
      return JSON.stringify(`../engine/${entry}`);
    })
    .replaceAll(/"models\/(\w+)"/g, '"./models/$1/"'); // from the worker, which stands at the root; a bare name is the hub's
}

/** The names of the models in the folder `models` that examples ask for. */
export const modelsIn = ({ code }: Pick<Example, "code">): string[] =>
  Array.from(code.matchAll(/"models\/(\w+)"/g), ([, name]) => name);
