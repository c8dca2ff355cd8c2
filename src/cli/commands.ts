import type { CommandEntry } from "./command.ts";

/** The commands, in the order of help. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  "fill-mask": { summary: "predict the masked tokens of a text", load: () => import("./fillMask.ts") },
  "next-sentence": {
    summary: "tell whether a text follows another",
    load: () => import("./nextSentence.ts"),
    aliases: ["next-sentence-prediction"],
  },
  "text-classification": {
    summary: "tell what kind of text a text is",
    load: () => import("./textClassification.ts"),
    aliases: ["sentiment-analysis"],
  },
  "token-classification": {
    summary: "find names, places and the like in a text",
    load: () => import("./tokenClassification.ts"),
    aliases: ["ner"],
  },
  "question-answering": {
    summary: "find the part of a text that answers a question",
    load: () => import("./questionAnswering.ts"),
  },
  "zero-shot-classification": {
    summary: "tell which of any labels fit a text",
    load: () => import("./zeroShotClassification.ts"),
  },
  "sentence-similarity": {
    summary: "tell how similar sentences are",
    load: () => import("./sentenceSimilarity.ts"),
  },
  rank: {
    summary: "rank documents by how well they answer a query",
    load: () => import("./rank.ts"),
    aliases: ["text-ranking"],
  },
  "multiple-choice": { summary: "choose the text that goes on best", load: () => import("./multipleChoice.ts") },
  "pseudo-log-likelihood": {
    summary: "tell how likely the model finds a text",
    load: () => import("./pseudoLogLikelihood.ts"),
  },
  embed: {
    summary: "turn lines of text into vectors",
    load: () => import("./embed.ts"),
    aliases: ["feature-extraction"],
  },
  index: { summary: "make an index of lines, for search", load: () => import("./indexCommand.ts") },
  search: { summary: "find the texts most like a query", load: () => import("./search.ts") },
  serve: { summary: "answer other programs over HTTP", load: () => import("./serve.ts") },
  explore: { summary: "serve a page that shows what a model does", load: () => import("./explore.ts") },
  tokenize: { summary: "show a text's tokens, ids and offsets", load: () => import("./tokenize.ts") },
  download: { summary: "bring a model of the hub into the cache", load: () => import("./download.ts") },
  convert: { summary: "write a model as Hugging Face saves one", load: () => import("./convert.ts") },
  verify: { summary: "compare a model's outputs with published ones", load: () => import("./verify.ts") },
  inspect: { summary: "list the tensors of a checkpoint", load: () => import("./inspectCommand.ts") },
  activations: { summary: "write what each step makes of a text", load: () => import("./activationsCommand.ts") },
  compare: { summary: "find the first tensor that differs", load: () => import("./compareCommand.ts") },
  finetune: { summary: "train a model for a task", load: () => import("./finetuneCommand.ts") },
  evaluate: { summary: "tell what a model is worth on examples", load: () => import("./evaluateCommand.ts") },
  "train-vocab": { summary: "learn a vocabulary from text files", load: () => import("./trainVocab.ts") },
  "make-examples": {
    summary: "make examples for pretraining from text files",
    load: () => import("./makeExamplesCommand.ts"),
  },
  pretrain: { summary: "train a model on such examples", load: () => import("./pretrainCommand.ts") },
  doctor: { summary: "show how this machine computes, and how fast", load: () => import("./doctor.ts") },
  completion: {
    summary: "print a shell's completion script",
    load: async () => ({ command: (await import("./completionCommand.ts")).completionOf(COMMANDS) }),
  },
};

/** A command's own name, from that or another that it answers to; null: there is no such command. */
export function nameOf(asked: string): string | null {
  if (Object.hasOwn(COMMANDS, asked)) return asked;
  return Object.keys(COMMANDS).find((name) => COMMANDS[name].aliases?.includes(asked)) ?? null;
}
