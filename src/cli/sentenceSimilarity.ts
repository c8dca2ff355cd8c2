import type { SentenceSimilarityInput } from "../pipelines/index.ts";
import { TEXT_POOLINGS } from "../pipelines/pooling.ts";
import { oneByOne } from "./answerLines.ts";
import { type Command, expectCount } from "./command.ts";
import { EMBEDDING_OPTIONS } from "./embeddingOptions.ts";
import type { InputForm } from "./input.ts";
import { choice, flag } from "./option.ts";
import { columns, shown } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

const SENTENCES: InputForm<SentenceSimilarityInput> = {
  fromArguments([source_sentence, ...sentences]) {
    expectCount(
      [source_sentence, ...sentences],
      2,
      Number.POSITIVE_INFINITY,
      "a sentence and others to compare it with",
    );
    return [{ source_sentence, sentences }];
  },
  fromJson: (value) => value as SentenceSimilarityInput,
};

export const command: Command = taskCommand({
  task: "sentence-similarity",
  synopsis: ["[OPTION]… SENTENCE OTHER…", "[OPTION]… [--input FILE]"],
  description: `Tells how similar other sentences are to the first: the cosine of their vectors, −1 to 1, or what the model's folder names in its place.

Without SENTENCE, each line of the input is a JSON object { "source_sentence", "sentences" }, and gives a line of JSON: the numbers in the order of the sentences.`,
  options: {
    ...EMBEDDING_OPTIONS,
    pooling: choice(
      TEXT_POOLINGS,
      "The encoder's own vectors, and how those of a sentence's tokens become one. Default: as the model's folder says, else mean.",
    ),
    truncation: flag("Cut what is too long for the model; without --pooling it is cut anyway."),
  },
  examples: [
    'plainbert sentence-similarity "The door is open." "The window is shut." "He read."',
    `echo '{"source_sentence":"A","sentences":["B","C"]}' | plainbert sentence-similarity`,
  ],
  isOfSentences: true,
  needsModel: false,
  form: SENTENCES,
  answer: (similarity, inputs, options) => oneByOne(inputs, (input) => similarity(input, options)),
  heading: ({ source_sentence }) => shown(source_sentence),
  texts: ({ source_sentence, sentences }) => [source_sentence, ...sentences],
  table: (cosines, { sentences }) =>
    columns(
      cosines
        .map((cosine, i) => ({ cosine, row: [`  ${shown(sentences[i])}`, cosine.toFixed(4)] }))
        .sort((a, b) => b.cosine - a.cosine)
        .map(({ row }) => row),
      [false, true],
    ),
  columns: ["index", "score"],
  rows: (cosines) => cosines.map((cosine, i) => [i, cosine]),
});
