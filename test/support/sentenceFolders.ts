import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";

const REFERENCE = join(import.meta.dirname, "../pipelines/reference");
/** The model that every form is a folder of. */
const BASE = join(REFERENCE, "heads/ner");
const [versions] = readFileSync(join(REFERENCE, "embeddings.jsonl"), "utf8").split("\n", 1);
const { texts, moved } = JSON.parse(versions) as {
  readonly texts: readonly string[];
  readonly moved: Readonly<Record<string, string>>;
};

/** The texts of the golden vectors. */
export const SENTENCES: readonly string[] = texts;

/** The forms of folder that sentence-transformers has written; "plain" is one without modules.json. */
export const SENTENCE_FORMS: readonly string[] = ["plain", ...(await readdir(join(REFERENCE, "sentence"))).sort()];

/** Makes the folder of a form in `root`, if it is not there: the base, with what the form adds. */
export async function sentenceFolder(root: string, form: string): Promise<string> {
  const folder = join(root, form);
  if (existsSync(folder)) return folder;
  const making = join(root, `${form}-making`);
  await mkdir(join(making, moved[form] ?? ""), { recursive: true });
  await cp(BASE, join(making, moved[form] ?? ""), { recursive: true });
  if (form !== "plain") await cp(join(REFERENCE, "sentence", form), making, { recursive: true });
  await rename(making, folder);
  return folder;
}
