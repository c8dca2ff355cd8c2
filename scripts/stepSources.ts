/**
 * Writes src/explorer/page/stepper/sourceLines.ts: for each step of the explorer's stepper the line of the sources that
 * computes it. A test compares the file with what this would write.
 *
 *     npm run docs
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StepKind } from "../src/explorer/steps/modelSteps.ts";

const root = join(import.meta.dirname, "..");

/** Where it is written. */
export const SOURCE_LINES_FILE: string = join(root, "src/explorer/page/stepper/sourceLines.ts");

const EMBEDDINGS = "src/layers/embeddings.ts";
const ATTENTION = "src/layers/selfAttention.ts";
const KERNEL = "src/tensor/kernels/attention.ts";
const LAYER = "src/model/encoderLayer.ts";
const FEED_FORWARD = "src/layers/feedForward.ts";
const POOLER = "src/layers/pooler.ts";
const HEADS = "src/model/heads.ts";

/** For each step the file, and what its line has and no other line of the file. */
const LINES: Readonly<Record<StepKind, readonly [file: string, part: string]>> = {
  pieces: [EMBEDDINGS, 'see(pass, "embeddings.word_embeddings"'],
  segments: [EMBEDDINGS, "const types = gather("],
  embeddings: [EMBEDDINGS, 'see(pass, "embeddings.LayerNorm"'],
  query: [ATTENTION, 'see(pass, "attention.self.query"'],
  key: [ATTENTION, 'see(pass, "attention.self.key"'],
  value: [ATTENTION, 'see(pass, "attention.self.value"'],
  probabilities: [KERNEL, "softmaxRows(P); //"],
  context: [KERNEL, "P, V, headMask?.[a]"],
  attentionMap: [LAYER, 'see(pass, "attention.output.dense"'],
  attentionNorm: [LAYER, "const attended = addAndNorm("],
  firstMap: [FEED_FORWARD, "const z = see(pass, before"],
  activation: [FEED_FORWARD, "const y = activation("],
  secondMap: [FEED_FORWARD, 'see(pass, "output.dense"'],
  outputNorm: [LAYER, "const y = addAndNorm("],
  poolerMap: [POOLER, 'see(pass, "pooler.dense"'],
  poolerActivation: [POOLER, "if (pass.config.poolerAct ==="],
  gapMap: [HEADS, "const dense = activated("],
  gapActivation: [HEADS, "transform_act_fn`, dense"],
  gapNorm: [HEADS, "const input = see(pass"],
  gapLogits: [HEADS, 'see(pass, "cls.predictions.decoder"'],
  nextSentence: [HEADS, "return linear(k, p, input);"],
  classifier: [HEADS, "return linear(k, p, input);"],
  span: [HEADS, "return linear(k, p, input);"],
};

/** The text of the file. @throws Error a part is in no line of its file, or in several */
export function sourceLines(): string {
  const entries = Object.entries(LINES).map(([kind, [file, part]]) => {
    const lines = readFileSync(join(root, file), "utf8").split("\n");
    const found = lines.flatMap((line, n) => (line.includes(part) ? [n] : []));
    if (found.length !== 1) throw new Error(`${file} must have one line with ${part}, has ${found.length}`);
    const [line, next] = [0, 1].map((n) => lines[found[0] + n].trim().replace(/ *\/\/.*$/, ""));
    const code = next.startsWith("else ") ? `${line} ${next}` : line;
    return `  ${kind}: { file: ${JSON.stringify(file)}, line: ${found[0] + 1}, code: ${quoted(code)} },\n`;
  });
  return `// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are code
/** The line of the sources that computes each step. \`npm run docs\` writes this file. */
import type { StepKind } from "../../steps/modelSteps.ts";

/** A line of the sources. */
export interface SourceLine {
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

/** By step. */
// biome-ignore format: one line each
export const SOURCE_LINES: Readonly<Record<StepKind, SourceLine>> = {
${entries.join("")}};
`;
}

/** A text as code, in the quotes that the formatter chooses. */
const quoted = (text: string): string =>
  text.includes("`") ? JSON.stringify(text) : text.includes('"') ? `'${text}'` : `"${text}"`;

if (import.meta.main) writeFileSync(SOURCE_LINES_FILE, sourceLines());
