import { type FillMaskPrediction, pipeline } from "../pipelines/index.ts";
import { type Arguments, type Command, expectCount, MODEL_AND_JSON, wholeNumber } from "./command.ts";
import { jsonLine, print, scoreTable, shown, styled } from "./output.ts";

export const command: Command = {
  help: `Predicts the masked tokens of a text.

Usage: plainbert fill-mask [options] TEXT…

  TEXT             a text with one [MASK] or several; each is predicted as if the others stayed masked
  --top-k N        how many predictions (default 5)
  --targets A,B    choose from these tokens only; their scores stay those among the whole vocabulary
  --model DIR      a folder with config.json, model.safetensors and vocab.txt or tokenizer.json
                   (default: the small model that comes with plainbert)
  --json           the result as one line of JSON, as the library's pipeline gives it
  -h, --help       this text

Examples:
  $ plainbert fill-mask "She opened the [MASK] and went into the room."
  $ plainbert fill-mask --targets door,window "He shut the [MASK] behind him."
  $ plainbert fill-mask --json --top-k 1 "The [MASK] was full of [MASK]."
`,
  options: { ...MODEL_AND_JSON, "top-k": { type: "string" }, targets: { type: "string" } },
  run,
};

async function run({ values, positionals: texts }: Arguments): Promise<void> {
  expectCount(texts, 1, Number.POSITIVE_INFINITY, 'a text, such as "The [MASK] is open."');
  const topK = values["top-k"] === undefined ? {} : { top_k: wholeNumber("top-k", values["top-k"] as string) };
  const targets = values.targets === undefined ? {} : { targets: (values.targets as string).split(",") };
  const unmask = await pipeline("fill-mask", values.model as string | undefined);
  const options = { ...topK, ...targets };
  const results = texts.length === 1 ? [await unmask(texts[0], options)] : await unmask(texts, options);
  if (values.json) return print(jsonLine(texts.length === 1 ? results[0] : results));
  const mask = unmask.tokenizer.maskToken as string;
  for (const [i, text] of texts.entries()) {
    const perMask = isNested(results[i]) ? results[i] : [results[i]];
    const heading = shown(text).replaceAll(mask, styled(["bold", "yellow"], mask));
    await print(`${i === 0 ? "" : "\n"}${heading}\n`);
    for (const [m, predictions] of perMask.entries()) {
      const title = perMask.length === 1 ? "" : `${mask} ${m + 1} of ${perMask.length}\n`;
      const rows = predictions.map(({ token_str, score }) => ({ label: token_str, score }));
      await print(`\n${title}${scoreTable(rows)}`);
    }
  }
}

function isNested(result: FillMaskPrediction[] | FillMaskPrediction[][]): result is FillMaskPrediction[][] {
  return Array.isArray(result[0]);
}
