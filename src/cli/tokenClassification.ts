import type { EntityGroup, TokenClassificationOptions, TokenEntity } from "../pipelines/index.ts";
import type { Command } from "./command.ts";
import { TEXTS_OR_BLANKS } from "./input.ts";
import { choice, count, flag, list } from "./option.ts";
import { columns, shown } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

export const command: Command = taskCommand({
  task: "token-classification",
  synopsis: ["--model DIR [OPTION]… TEXT…", "--model DIR [OPTION]… [--input FILE]"],
  description: `Finds names, places and whatever else a model was trained to find in a text, and where they stand, in UTF-16 units.

Without TEXT, each line of the input is one, and gives a line of JSON; a blank one has nothing to be found: [].`,
  options: {
    "aggregation-strategy": choice(
      ["none", "simple", "first", "average", "max"],
      "How tokens become entities. none: an answer for each token. Default simple.",
    ),
    "ignore-labels": list("Labels that are left out. Default O."),
    stride: count("Read what is too long for the model in windows that share N tokens. Default 32.", 0),
    truncation: flag("Cut what is too long for the model, in place of windows."),
  },
  examples: [
    'plainbert token-classification --model ner "Emma Woodhouse lived at Hartfield."',
    "plainbert token-classification --model ner < book.txt > names.jsonl",
    "plainbert token-classification --model ner --input book.txt --output names.csv",
  ],
  needsModel: true,
  form: TEXTS_OR_BLANKS,
  // One type of options for both kinds of answer, which the pipeline's own types tell apart.
  answer: (find, inputs, options) =>
    find(inputs, withDefaults(options) as { aggregation_strategy: "simple" }) as AsyncGenerator<Entity[]>,
  heading: shown,
  table(entities) {
    if (entities.length === 0) return "  nothing found\n";
    const rows = entities.map((entity) => [
      `  ${shown(labelOf(entity))}`,
      shown(entity.word),
      `${(100 * entity.score).toFixed(2)} %`,
      `${entity.start}–${entity.end}`,
    ]);
    return columns(rows, [false, false, true, true]);
  },
  columns: ["entity", "score", "word", "start", "end"],
  rows: (entities) => entities.map((entity) => [labelOf(entity), entity.score, entity.word, entity.start, entity.end]),
});

type Entity = EntityGroup | TokenEntity;

function labelOf(entity: Entity): string {
  return "entity" in entity ? entity.entity : entity.entity_group;
}

/** Windows need entities to be put together, and cut nothing. */
function withDefaults(given: TokenClassificationOptions): TokenClassificationOptions {
  const { aggregation_strategy = "simple", truncation } = given;
  return { aggregation_strategy, ...(aggregation_strategy !== "none" && !truncation && { stride: 32 }), ...given };
}
