import { dirname } from "node:path";
import { exists, writeFileAtomically } from "../disk/files.ts";
import { withOutput } from "../disk/outputLock.ts";
import { machineName } from "../disk/runFolder.ts";
import { fileError } from "../errors.ts";
import { type EvaluationResult, evaluate, evaluationReport } from "../training/index.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { evaluationText } from "./evaluationText.ts";
import { expectUnread } from "./expectUnread.ts";
import { downloading, ENGINE_OPTIONS, HUB_OPTIONS, TOKENIZER_OPTIONS } from "./modelOptions.ts";
import { count, flag, libraryValues, list, text, UsageError, type ValuesOf } from "./option.ts";
import { jsonLine, print } from "./output.ts";
import { Progress } from "./progressBar.ts";
import { COLUMN_NAMES, COLUMN_OPTIONS, columnsOf, DATA_OPTIONS, taskOption } from "./taskData.ts";
import { trainingNumber } from "./trainingNumber.ts";

const OPTIONS = {
  task: taskOption("What the model does. Default: what its config.json says. One of"),
  labels: list(
    "What the examples call the model's labels, in the order of their indices. Default: what config.json calls them, or --glue-task where that is LABEL_0 and so on.",
  ),
  ...DATA_OPTIONS,
  "truncate-dim": trainingNumber(
    "sentence-embedding: only the first N numbers of each vector. Default: what the folder says, else all.",
    "N",
  ),
  "batch-size": count("Sequences in a batch; their number changes no bit. Default 8."),
  worst: count("How many mistakes are told, those with the largest losses. Default 20; on the terminal 5.", 0),
  seed: count("fill-mask: of the masks. Default 42.", 0),
  ...ENGINE_OPTIONS,
};

const TABLE = {
  model: TOKENIZER_OPTIONS.model,
  file: text("FILE", "The examples, as finetune reads them.", "file"),
  ...OPTIONS,
  ...COLUMN_OPTIONS,
  json: flag("Print everything as one line of JSON."),
  report: text("FILE", "Write it as a page of HTML too, which needs nothing else.", "file"),
  ...HUB_OPTIONS,
};

export const command: Command = defineCommand({
  synopsis: ["--model NAME --file FILE [OPTION]…"],
  description: `Says what a model is worth on examples: the metrics that finetune tells while it trains, how well each class was recognized, which were taken for which, and the worst mistakes with their texts. The files are those of finetune, and so are the numbers, if --max-length and the like are the same.

The labels of the examples are names of the model's id2label, in any capitals if none is then left over, or their indices. A label that the model does not have is an error.`,
  options: TABLE,
  libraryNames: { dataset: "--file", ...COLUMN_NAMES },
  positional: [],
  examples: [
    `printf '{"text":"It rained. ","text_pair":"He ran.","label":0}\\n' > pairs.jsonl && plainbert evaluate --task next-sentence-prediction --file pairs.jsonl`,
  ],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 0, "options alone");
    const { file, report } = values;
    if (file === undefined) throw new UsageError("expected --file FILE");
    if (report !== undefined && !(await exists(dirname(report))))
      throw fileError("evaluate", report, "the folder for the report must be there, is not");
    if (report !== undefined) expectUnread([report], [file]);
    const evaluateAndPrint = async () => {
      const result = await evaluated(values, file);
      await print(values.json ? jsonLine(result) : evaluationText(result, values.worst));
      return result;
    };
    if (report === undefined) {
      await evaluateAndPrint();
      return;
    }
    await withOutput(report, {}, async () => {
      const page = evaluationReport(await evaluateAndPrint(), machineName());
      await writeFileAtomically(report, [new TextEncoder().encode(page)]);
    });
  },
});

async function evaluated(values: ValuesOf<typeof TABLE>, dataset: string): Promise<EvaluationResult> {
  const bar = new Progress({ unit: "sequences", total: null });
  return downloading(values, (hub) =>
    evaluate({
      ...hub,
      ...libraryValues(OPTIONS, values),
      ...(values.model !== undefined && { model: values.model }),
      ...{ dataset, ...columnsOf(values) },
      onProgress: (done, total) => bar.to(done, done, total),
    }),
  ).finally(() => bar.end());
}
