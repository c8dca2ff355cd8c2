/**
 * Looks inside the model: where each head of the last layer looks from the gap, with the share of its attention. Every
 * intermediate result can be read so; `bert.taps` lists their names, which are PyTorch's.
 *
 *     $ npx tsx examples/tap.ts "The ship with the white sails came into the [MASK]."
 *     head 0:  13.9 %  ##s
 *     head 1:  13.5 %  The
 *     head 2:  16.1 %  ship
 *     head 3:  92.9 %  the
 */
import { loadBert } from "plainbert";

const [text = "The ship with the white sails came into the [MASK].", model] = process.argv.slice(2);

const bert = await loadBert(model);
const encoding = bert.tokenizer.encode(text);
const tokens = encoding.tokens();
const from = tokens.indexOf("[MASK]");
const limit = bert.config.maxPositionEmbeddings;
if (from < 0) refuse(`the text must have a [MASK], got ${JSON.stringify(text)}`);
if (tokens.length > limit) refuse(`the model takes ${limit} tokens, got ${tokens.length}: give a shorter text`);

const name = `bert.encoder.layer.${bert.config.numHiddenLayers - 1}.attention.self.probs`;
const { taps } = await bert.forward([encoding], { taps: [name] });
const probs = taps?.get(name);
if (!probs) throw new Error(`${name}: must be one of bert.taps`);

const [, A, T] = probs.shape; // [B, A, T, T], here of one text: head, from, to
for (let head = 0; head < A; head++) {
  const row = (head * T + from) * T;
  const shares = probs.data.subarray(row, row + T);
  const best = shares.indexOf(Math.max(...shares));
  console.log(`head ${head}: ${(100 * shares[best]).toFixed(1).padStart(5)} %  ${tokens[best]}`);
}

function refuse(sentence: string): never {
  console.error(sentence);
  process.exit(1);
}
