import { shown } from "../errors.ts";
import { encodeAll } from "../pipelines/answerAll.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { promptOf } from "./embedEndpoints.ts";
import { emptyInput } from "./inputs.ts";
import { flagOf, idsOf, textOf, textsOf } from "./requestBody.ts";
import { wrongField } from "./requestError.ts";
import { type Endpoint, expectBatch } from "./service.ts";

/** POST /tokenize: the tokens of each text, nothing cut, with their places in its UTF-8. */
export const tokenize: Endpoint = async (service, body, call) => {
  const { inputs } = body;
  const texts = typeof inputs === "string" ? [textOf("inputs", inputs)] : textsOf("inputs", inputs);
  expectBatch(service, "inputs", texts.length);
  if (texts.includes("")) throw emptyInput();
  const addSpecialTokens = flagOf(body, "add_special_tokens", true);
  const prompted = texts.map((text) => promptOf(service, body) + text);
  const bytes = (count: number) => 300 * count;
  const characters = prompted.reduce((sum, { length }) => sum + length, 0);
  call.share.take(bytes(characters)); // a token has one at least
  const encodings = await encodeAll(
    prompted,
    (text) => service.tokenizer.encodeInParts(text, { addSpecialTokens }),
    call.signal,
  );
  call.share.take(bytes(encodings.reduce((sum, { length }) => sum + length, 0) - characters));
  return encodings.map((encoding, i) => tokensOf(encoding, prompted[i]));
};

/** What /tokenize says of each token: those that the tokenizer has added have no place. */
function tokensOf(encoding: Encoding, text: string): unknown[] {
  const tokens = encoding.tokens();
  const { inputIds, specialTokensMask, offsets } = encoding;
  const byteAt = byteOffsets(text);
  return inputIds.map((id, t) => {
    const [start, end] = offsets[t];
    if (specialTokensMask[t] === 1) return { id, text: tokens[t], special: true, start: null, stop: null };
    return { id, text: text.slice(start, end), special: false, start: byteAt[start], stop: byteAt[end] };
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
export const decode: Endpoint = async (service, { ids, ...body }) => {
  if (!Array.isArray(ids)) throw wrongField("ids", "a list of token ids, or a list of such lists", shown(ids));
  const isBatch = Array.isArray(ids[0]);
  const lists = isBatch ? ids.map((one, i) => idsOf(`ids[${i}]`, one)) : [idsOf("ids", ids)];
  expectBatch(service, "ids", lists.length);
  if (lists.some(({ length }) => length === 0)) throw emptyInput("input_ids");
  const skipSpecialTokens = flagOf(body, "skip_special_tokens", true);
  return lists.map((list) => service.tokenizer.decode(list, { skipSpecialTokens }));
};
