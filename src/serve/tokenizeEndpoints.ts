import { encodeAll } from "../pipelines/answerAll.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { emptyInput, promptOf } from "./inputs.ts";
import { flagOf, idsOf, textOf, textsOf } from "./requestBody.ts";
import { wrongField } from "./requestError.ts";
import { type Endpoint, expectBatch } from "./service.ts";

/** POST /tokenize: the tokens of each text, nothing cut, with their places in its UTF-8. */
export const tokenize: Endpoint = async (body, call) => {
  const { inputs } = body;
  const texts = typeof inputs === "string" ? [textOf("inputs", inputs)] : textsOf("inputs", inputs);
  expectBatch(call, "inputs", texts.length);
  if (texts.includes("")) throw emptyInput();
  const addSpecialTokens = flagOf(body, "add_special_tokens", true);
  const prompt = promptOf(body, call);
  const prompted = texts.map((text) => prompt + text);
  const characters = prompted.reduce((sum, { length }) => sum + length, 0);
  call.share.take(300 * characters); // a token has one at least
  const encodings = await encodeAll(
    prompted,
    (text) => call.service.tokenizer.encodeInParts(text, { addSpecialTokens }),
    call.signal,
  );
  call.share.take(encodings.reduce((sum, { length }) => sum + 300 * length, -300 * characters));
  return encodings.map((encoding, i) => tokensOf(encoding, prompted[i]));
};

/** What /tokenize says of each token: those that the tokenizer has added have no place. */
function tokensOf(encoding: Encoding, text: string): unknown[] {
  const tokens = encoding.tokens();
  const { inputIds, specialTokensMask, offsets } = encoding;
  const byteAt = byteOffsets(text);
  return inputIds.map((id, t) => {
    const [start, end] = offsets[t];
    const special = specialTokensMask[t] === 1;
    const byteOf = (unit: number) => (special ? null : byteAt[unit]);
    return { id, text: special ? tokens[t] : text.slice(start, end), special, start: byteOf(start), stop: byteOf(end) };
  });
}

/** [length + 1]: where each UTF-16 unit of a text begins in its UTF-8. */
function byteOffsets(text: string): Uint32Array {
  const offsets = new Uint32Array(text.length + 1);
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    offsets[i] = bytes;
    const unit = text.charCodeAt(i);
    const isHalf = unit >= 0xd800 && unit < 0xe000; // of a pair, which is 4 bytes
    bytes += unit < 0x80 ? 1 : unit < 0x800 || isHalf ? 2 : 3;
  }
  offsets[text.length] = bytes;
  return offsets;
}

/** POST /decode: the text of each list of ids. */
export const decode: Endpoint = async ({ ids, ...body }, call) => {
  if (!Array.isArray(ids)) throw wrongField("ids", "a list of token ids, or a list of such lists", ids);
  const isBatch = Array.isArray(ids[0]);
  const lists = isBatch ? ids.map((one, i) => idsOf(`ids[${i}]`, one)) : [idsOf("ids", ids)];
  expectBatch(call, "ids", lists.length);
  if (lists.some(({ length }) => length === 0)) throw emptyInput("input_ids");
  const skipSpecialTokens = flagOf(body, "skip_special_tokens", true);
  return lists.map((list) => call.service.tokenizer.decode(list, { skipSpecialTokens }));
};
