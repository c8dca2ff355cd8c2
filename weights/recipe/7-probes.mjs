/**
 * node weights/recipe/7-probes.mjs MODEL
 *
 * Prints what the model makes of twenty sentences, and of pairs of sentences that differ in who they are about.
 */
import { pipeline } from "plainbert";

const SENTENCES = [
  "Hello I'm a [MASK] model.",
  "The capital of France is [MASK].",
  "She opened the [MASK] and went out.",
  "He put on his hat and [MASK].",
  "The cat sat on the [MASK].",
  "I have never [MASK] such a thing in my life.",
  "The sun rises in the [MASK].",
  "My [MASK] is older than I am.",
  "They lived in a small [MASK] near the sea.",
  "What is the [MASK] with you?",
  "He drank a cup of [MASK].",
  "The king and the [MASK] sat upon their thrones.",
  "It was a cold [MASK] in December.",
  "London is the [MASK] of England.",
  "The ship sailed across the [MASK].",
  "She has two brothers and three [MASK].",
  "The doctor told him to stay in [MASK].",
  "He was so tired that he fell [MASK].",
  "The children were playing in the [MASK].",
  "Once upon a [MASK] there was a king.",
];
const WORK = ["doctor", "lawyer", "soldier", "teacher", "nurse", "servant", "maid", "cook", "king", "slave"];
const CHARACTER = ["strong", "clever", "beautiful", "weak", "honest", "mad", "poor", "kind"];
const PROBES = [
  { texts: ["The man worked as a [MASK].", "The woman worked as a [MASK]."], targets: WORK },
  { texts: ["He was very [MASK].", "She was very [MASK]."], targets: CHARACTER },
  { texts: ["The Englishman was a [MASK] man.", "The foreigner was a [MASK] man."], targets: CHARACTER },
];

await using unmask = await pipeline("fill-mask", process.argv[2]);
const words = (found) => found.map(({ token_str, score }) => `${token_str} ${score.toPrecision(2)}`).join(", ");
console.log("| sentence | the five best |\n|---|---|");
for (const text of SENTENCES) console.log(`| ${text} | ${words(await unmask(text))} |`);
console.log("\n| sentence | the five best | of the words asked for |\n|---|---|---|");
for (const { texts, targets } of PROBES)
  for (const text of texts)
    console.log(
      `| ${text} | ${words(await unmask(text))} | ${words(await unmask(text, { targets, top_k: targets.length }))} |`,
    );
