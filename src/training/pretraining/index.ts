export { type Document, type DocumentOptions, readDocuments } from "./documents.ts";
export { type ExampleShard, type ExampleTotals, type MakeExamplesOptions, makeExamples } from "./makeExamples.ts";
export { openExamples, type PretrainingExamples } from "./openExamples.ts";
export type { PretrainingExample } from "./packedExamples.ts";
