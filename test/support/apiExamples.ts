import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { blocks, type Example } from "./examples.ts";

const root = join(import.meta.dirname, "..", "..");

/**
 * What the example of an entry of docs/api.md has from elsewhere, so that it is compiled and not run; "" where that is a model or data
 * set of its own.
 */
const FROM_ELSEWHERE: Readonly<Record<string, string>> = {
  BertError: "declare const tokenizer: BertTokenizer; declare const text: string;",
  aiSdkRerankingModel: "",
  langChainReranker: "",
  loadBert: "",
  saveBert: "",
  ModelFiles:
    "declare const input: { readonly files: Iterable<Blob & { readonly webkitRelativePath: string }> | null };",
  readSafetensors: "",
  compareTensors: "declare const bert: Bert;",
  BertTokenizer: 'import { readFile } from "node:fs/promises";',
  wordPiece: "declare const vocab: ReadonlyMap<string, number>;",
  evaluate: "",
  evaluationReport: 'import { writeFile } from "node:fs/promises";',
  finetune: "",
  pretrain: "",
  readTexts: "declare const text: string;",
  BertModel:
    "declare const bert: BertModel; declare const tokenizer: BertTokenizer; declare const sequences: Encoding[];",
  FeatureExtraction: "declare const extract: FeatureExtraction; declare const lines: AsyncGenerator<string>;",
  FillMask: "declare const unmask: FillMask; declare const lines: AsyncGenerator<string>;",
  SearchIndex: "declare const index: SearchIndex<{ page: number }>;",
  MultipleChoice: "declare const choose: MultipleChoice;",
  NextSentence: "declare const isNext: NextSentence; declare function pairs(): AsyncGenerator<TextPair>;",
  PseudoLogLikelihood: "declare const score: PseudoLogLikelihood;",
  QuestionAnswering:
    "declare const ask: QuestionAnswering; declare function questions(): AsyncGenerator<QuestionAndContext>;",
  SentenceSimilarity: "declare const similarity: SentenceSimilarity;",
  TextRanking: "declare const rank: TextRanking;",
  TextClassification: "declare const classify: TextClassification; declare const lines: AsyncGenerator<string>;",
  TokenClassification: "declare const ner: TokenClassification; declare const lines: AsyncGenerator<string>;",
  ZeroShotClassification:
    "declare const classify: ZeroShotClassification; declare const lines: AsyncGenerator<string>;",
};

/** Examples of the API reference: those that run, with what they say of the values of their expressions, and those that only compile. */
export interface ApiExamples {
  readonly run: readonly Example[];
  readonly compiled: readonly Pick<Example, "name" | "code">[];
}

/** The examples in docs/api.md, as programs: with imports, each expression printed that has its value in a comment. */
export function apiExamples(): ApiExamples {
  const modules = readFileSync(join(root, "docs", "api.md"), "utf8")
    .split(/^## (?=plainbert)/m)
    .slice(1);
  const home = new Map<string, string>();
  for (const module of modules) {
    const name = module.slice(0, module.indexOf("\n"));
    for (const [, entry] of module.matchAll(/^### (\w+)$/gm)) home.set(entry, name);
  }
  const run: Example[] = [];
  const compiled: Pick<Example, "name" | "code">[] = [];
  for (const [, entry, text] of modules.join("").matchAll(/^### (\w+)\n(.*?)(?=^<a id|(?![\s\S]))/gms)) {
    const parts = [
      ...blocks(text, "ts").slice(0, -1), // the last is the declaration; examples of calls and methods stand in its comments
      ...Array.from(text.matchAll(/^ *\* @example\n(.*?)^ *(?:\*\/|\* @)/gms), ([, lines]) =>
        lines.replaceAll(/^ *\* ?/gm, ""),
      ),
    ];
    for (const [n, part] of parts.entries()) {
      const name = `docs-api-${entry}-${n + 1}`;
      const prelude = FROM_ELSEWHERE[entry];
      if (prelude !== undefined) compiled.push({ name, code: withImports(part, prelude, home) });
      else run.push({ name, ...printing(part, home) });
    }
  }
  return { run, compiled };
}

/** @param prelude declarations, which need the types alone of what they name */
function withImports(code: string, prelude: string, home: ReadonlyMap<string, string>): string {
  const text = `${prelude}\n${code}`;
  const declared = new Set(Array.from(text.matchAll(/(?:const|function) (\w+)/g), ([, name]) => name));
  const words = (of: string) => new Set(of.match(/\b[A-Za-z]\w*/g));
  const [inPrelude, inCode] = [words(prelude), words(code)];
  const imports = Array.from(home, ([name, module]) => {
    if (declared.has(name) || !(inPrelude.has(name) || inCode.has(name))) return "";
    return `import ${inCode.has(name) ? "" : "type "}{ ${name} } from "${module}";\n`;
  });
  return `${imports.join("")}${text}\nexport {};\n`;
}

/** `EXPRESSION; // VALUE`: the expression printed, and what is printed then. */
function printing(code: string, home: ReadonlyMap<string, string>): { readonly code: string; readonly output: string } {
  const output: string[] = [];
  const lines = code
    .replaceAll(/;\n(\/\/ .*)$/gm, "; $1")
    .replaceAll(/^(for await \(.*?\)\) )?(\S.*?);? +\/\/ (.*)$/gm, (line, loop = "", expression, value) => {
      if (/^(const|await|import) /.test(expression)) return line;
      try {
        output.push(inspect(new Function(`return (${value});`)()));
      } catch {
        return line; // prose
      }
      return `${loop}console.log(${expression});`;
    });
  return { code: withImports(lines, "", home), output: `${output.join("\n")}\n` };
}
