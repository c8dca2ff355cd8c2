import { BertError } from "../errors.ts";
import { pipeline } from "../pipelines/index.ts";
import { type Arguments, type Command, expectCount, UsageError } from "./command.ts";
import { linesOf } from "./lines.ts";
import { print } from "./output.ts";

export const command: Command = {
  help: `Turns each line of text into a vector: a JSON array of numbers, one line out for each line in.

Usage: plainbert embed [options] [FILE|-]

  FILE             one text in each line, UTF-8; a blank line gives null (default: standard input)
  --pooling P      how the vectors of a line's tokens become one: mean, cls or max (default mean)
  --normalize      divide each vector by its length, so that dot products are cosine similarities
  --truncation     cut lines that are too long for the model instead of stopping there
  --model DIR      a folder with config.json, model.safetensors and vocab.txt or tokenizer.json
                   (default: the small model that comes with plainbert)
  --json           changes nothing: the output is JSON anyway
  -h, --help       this text

Examples:
  $ printf 'The door is open.\\nThe window is shut.\\n' | plainbert embed --normalize > vectors.jsonl
  $ printf 'A first line.\\nA second line.\\n' > lines.txt && plainbert embed --pooling cls lines.txt | head -n 1
`,
  options: {
    model: { type: "string" },
    json: { type: "boolean" },
    pooling: { type: "string" },
    normalize: { type: "boolean" },
    truncation: { type: "boolean" },
  },
  run,
};

const POOLINGS = ["mean", "cls", "max"] as const;

/** Nothing to embed: separators, controls and format characters, which the tokenizer removes. */
const BLANK = /^[\p{Z}\p{C}]*$/u;

async function run({ values, positionals }: Arguments): Promise<void> {
  expectCount(positionals, 0, 1, "one file at most");
  const pooling = POOLINGS.find((name) => name === (values.pooling ?? "mean"));
  if (!pooling) throw new UsageError(`--pooling must be mean, cls or max, got ${JSON.stringify(values.pooling)}`);
  const options = { pooling, normalize: values.normalize === true, truncation: values.truncation === true };
  const path = positionals[0] ?? "-";

  const groups = linesOf(path);
  const first = await groups.next(); // before the model is loaded: a wrong file is reported at once
  const extract = await pipeline("feature-extraction", values.model as string | undefined);
  const embed = async (texts: readonly string[]) =>
    (await extract(texts.length === 1 ? texts[0] : texts, options)).tolist(); // so that messages say "text", not "texts[0]"
  let line = 1;
  for (let group = first; !group.done; group = await groups.next()) {
    await embedGroup(group.value, line, path, embed);
    line += group.value.length;
  }
}

type Embed = (texts: readonly string[]) => Promise<number[][]>;

async function embedGroup(lines: readonly string[], firstLine: number, path: string, embed: Embed): Promise<void> {
  const texts = lines.filter((line) => !BLANK.test(line));
  try {
    const vectors = texts.length > 0 ? await embed(texts) : [];
    let next = 0;
    await print(lines.map((line) => vectorLine(BLANK.test(line) ? null : vectors[next++])).join(""));
  } catch (error) {
    if (!(error instanceof BertError) || error.code !== "ERR_INPUT") throw error;
    if (lines.length > 1) {
      // One by one, which gives the same numbers, up to the line that is wrong: nothing before it is lost.
      for (const [i, line] of lines.entries()) await embedGroup([line], firstLine + i, path, embed);
      return;
    }
    const where = path === "-" ? "standard input" : path;
    throw new BertError(error.code, `${where}, line ${firstLine}: ${error.message}`, { cause: error });
  }
}

/** Nine significant digits tell every float32 from its neighbours; the seventeen of a double would only be longer. */
function vectorLine(vector: readonly number[] | null): string {
  return `${JSON.stringify(vector?.map((x) => Number(x.toPrecision(9))) ?? null)}\n`;
}
