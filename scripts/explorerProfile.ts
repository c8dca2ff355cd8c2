/**
 * Writes what each head of the small model does in 200 passages of books that it was not trained on, for the explorer's
 * badges: `src/explorer/profile.ts`. A passage is a paragraph and the one after it, of books.md's five held-out books,
 * 40 of each book at even distances; one token in the middle of the first is hidden. A minute.
 *
 *     npx tsx scripts/explorerProfile.ts CORPUS
 *
 * CORPUS is the folder of weights/recipe/README.md, with the folder `heldout`.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compute } from "../src/explorer/explorerResult.ts";
import { added, KINDS, liftOf, meanOf, type Needle, type Tally, talliesOf } from "../src/explorer/needles.ts";
import { loadBert } from "../src/index.ts";

/** Passages of a book, and the most words of each paragraph. */
const [PASSAGES, MOST_WORDS] = [40, 32];

/** The beginning of a paragraph. */
const cut = (paragraph: string): string => paragraph.split(" ").slice(0, MOST_WORDS).join(" ");

/** Passages of a book: beginnings of paragraphs that are neither short nor long, each with the next one's. */
function passagesOf(book: string): (readonly [text: string, pair: string])[] {
  const all = book.split("\n").filter((line) => line.length > 120 && line.length < 700);
  const paragraphs = all.map(cut);
  const step = Math.floor((paragraphs.length - 1) / PASSAGES);
  return Array.from({ length: PASSAGES }, (_, n) => [paragraphs[n * step], paragraphs[n * step + 1]] as const);
}

/** A number with four digits behind the point. */
const short = (number: number | null): number | null => number && Number(number.toFixed(4));

const [corpus] = process.argv.slice(2);
const folder = join(corpus, "heldout");
const passages = readdirSync(folder)
  .sort()
  .flatMap((name) => passagesOf(readFileSync(join(folder, name), "utf8")));

await using bert = await loadBert(undefined, { threads: 1 });
const sums = new Map<Needle, Tally[][]>();
let tokens = 0;
for (const [text, pair] of passages) {
  const middle = Math.floor(bert.tokenizer.encode(text).length / 2);
  const result = compute(bert, bert.tokenizer, { text, pair, masks: [middle], top: 1 });
  tokens += result.tokens.length;
  for (const needle of KINDS) {
    const own = talliesOf(result, needle);
    const before = sums.get(needle);
    sums.set(
      needle,
      own.map((row, layer) => row.map((tally, head) => (before ? added(before[layer][head], tally) : tally))),
    );
  }
}

const badges = [...sums].map(([needle, layers]) => {
  const rows = layers.map((own) => own.map((tally) => [short(meanOf(tally)), short(liftOf(tally))]));
  const lines = rows.map((row) => `      ${JSON.stringify(row).replaceAll(",", ", ")},`);
  return `    // biome-ignore format: a line for each layer\n    ${needle}: badges([\n${lines.join("\n")}\n    ]),`;
});
writeFileSync(
  join("src", "explorer", "profile.ts"),
  `import type { Badge, Profile } from "./scenes/badges.ts";

const badges = (numbers: readonly (readonly (readonly (number | null)[])[])[]): Badge[][] =>
  numbers.map((heads) => heads.map(([mean, lift]) => ({ mean, lift })));

/** What each head of the small model does in held-out passages; \`scripts/explorerProfile.ts\` writes it. */
export const PROFILE: Profile = {
  fingerprint: "${bert.fingerprint}",
  passages: ${passages.length},
  tokens: ${tokens},
  badges: {
${badges.join("\n")}
  },
};
`,
);
