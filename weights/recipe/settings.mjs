import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Books of the corpus that are read to choose sizes and options, and never trained on. The heldout folder is read once, at the end. */
const VALIDATION = ["j-m-barrie_peter-and-wendy.txt", "john-stuart-mill_on-liberty.txt"];

/** @param {string} corpus a folder with the folders books, extra and heldout of text files */
export function booksIn(corpus) {
  const list = (folder) =>
    readdirSync(join(corpus, folder))
      .filter((name) => name.endsWith(".txt"))
      .sort()
      .map((name) => join(corpus, folder, name));
  const isValidation = (path) => VALIDATION.some((name) => path.endsWith(name));
  const books = [...list("books"), ...list("extra")];
  return {
    train: books.filter((path) => !isValidation(path)),
    validation: books.filter(isValidation),
    heldout: list("heldout"),
  };
}

/** What all runs share: of the model's sizes … */
export const COMMON = { max_position_embeddings: 256, hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
/** … and of the command's options. */
export const OPTIONS = ["--optimizer", "adamw", "--adam-beta2", 0.98];

/** Bits of the fraction that published matrices keep, of bfloat16's seven. */
export const FRACTION_BITS = 5;

/** Rounds to so many bits of the fraction, to nearest, ties to even. A float32 has 23, a bfloat16 its upper 7. */
export function rounded(numbers, fractionBits) {
  const dropped = 23 - fractionBits;
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  const half = 2 ** (dropped - 1) - 1;
  const shortened = bits.map((value) => ((value + half + ((value >>> dropped) & 1)) >>> dropped) << dropped);
  return new Float32Array(shortened.buffer);
}

const cli = join(dirname(createRequire(import.meta.url).resolve("plainbert/package.json")), "dist/cli/main.js");

/** Runs `plainbert …`, showing what it says on standard error; resolves to what it prints. */
export async function plainbert(...args) {
  const child = spawn(process.execPath, [cli, ...args.map(String)], { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Error(`plainbert ${args[0]} ended with ${code}`);
  return printed;
}

/**
 * Floating-point operations of pretraining on a token, those of matrix products: forward, and twice that backward. L layers, hidden size
 * H, I = 4H, sequences of T tokens, V tokens in the vocabulary, of which 15 % of the positions are predicted.
 */
export function flopsPerToken({ L, H, T, V = 8192 }) {
  return 3 * (L * (24 * H * H + 4 * T * H) + 0.15 * (2 * H * H + 2 * H * V));
}

/** Whole numbers below a bound, the same for the same seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}
