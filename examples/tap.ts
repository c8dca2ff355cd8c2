/**
 * Looks inside the model: where each head of a layer looks from the gap, with the share of its attention. Every
 * intermediate result can be read so; `bert.taps` lists their names, which are PyTorch's.
 *
 *     $ npx tsx examples/tap.ts "The ship with the white sails came into the [MASK]."
 *     head 0:  16.4 %  into
 *     head 1:  28.2 %  [MASK]
 *     head 2:  22.7 %  [CLS]
 *     head 3:  78.9 %  ship
 */
import { loadBert } from "plainbert";

const [text = "The ship with the white sails came into the [MASK].", model] = process.argv.slice(2);

const bert = await loadBert(model);
const encoding = bert.tokenizer.encode(text);
const tokens = encoding.tokens();
const from = tokens.indexOf("[MASK]");

const name = "bert.encoder.layer.2.attention.self.probs";
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
