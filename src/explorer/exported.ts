/** What leaves the page as files: everything as JSON, the attention as tensors, and code that computes it again. */
import type { ExplorerResult } from "./explorerResult.ts";
import type { ModelSummary, TensorsToWrite } from "./worker.ts";

/** The attention probabilities of all layers, [1, A, T, T] each, under PyTorch's names. */
function attentionOf({ attentions, taps, heads, tokens: { length: T } }: ExplorerResult): TensorsToWrite["tensors"] {
  return attentions.map((data, layer) => [taps[layer], { shape: [1, heads, T, T], data }]);
}

/** Tensors of a text, all of its attention where none are given, and what they are of. */
export function tensorsOf(
  result: ExplorerResult,
  model: ModelSummary,
  tensors: TensorsToWrite["tensors"] = attentionOf(result),
): TensorsToWrite {
  const { tokens, request } = result;
  return {
    tensors,
    metadata: [
      ["format", "pt"],
      ["model", model.fingerprint],
      ["text", request.text],
      ...(request.pair === "" ? [] : [["text_pair", request.pair] as const]),
      ["input_ids", JSON.stringify(tokens.map(({ id }) => id))],
      ["token_type_ids", JSON.stringify(tokens.map(({ segment }) => segment))],
    ],
  };
}

/**
 * Everything that the page shows of a text, as JSON; numbers have all their digits.
 *
 * @param version of the library
 * @param open    what the view that is open below shows and the result does not have; left out: nothing
 */
export function jsonOf(result: ExplorerResult, model: ModelSummary, version: string, open?: unknown): string {
  const { request, tokens, whole, attentions, heads, gaps, nextSentence, further, compared, milliseconds } = result;
  const T = tokens.length;
  const withLists = (_: string, value: unknown) => (ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value);
  const content = {
    plainbert: version,
    model: { fingerprint: model.fingerprint, backend: model.backend, config: model.config },
    text: request.text,
    ...(request.pair !== "" && { textPair: request.pair }),
    masks: request.masks,
    ...(request.targets && { targets: request.targets }),
    tokens: tokens.map((token, position) => ({ position, ...token })),
    tokensOfTheWholeText: whole,
    attentions: attentions.map((data, layer) => ({
      ...{ name: result.taps[layer], shape: [1, heads, T, T], data: [...data] },
    })),
    gaps,
    nextSentence,
    ...(further && { further }),
    ...(open ? { effects: open } : {}),
    ...(compared && { compared }),
    milliseconds,
  };
  return JSON.stringify(content, withLists);
}

/**
 * Code that computes a head's attention again, [T, T], with this library.
 *
 * @param from what `loadBert` is given, nothing for the small model; null: not known, the program's reader must say
 */
export function codeOf(
  result: ExplorerResult,
  layer: number,
  head: number,
  { fingerprint }: Pick<ModelSummary, "fingerprint">,
  from: readonly unknown[] | null,
): string {
  const { request, tokens, whole } = result;
  const { text, pair, masks } = request;
  const options = [
    ...(pair === "" ? [] : [`textPair: ${JSON.stringify(pair)}`]),
    ...(whole > tokens.length ? [`truncation: true, maxLength: ${tokens.length}`] : []),
  ].join(", ");
  const ids =
    masks.length === 0
      ? "inputIds"
      : `inputIds: inputIds.map((id, t) => ([${masks.join(", ")}].includes(t) ? bert.tokenizer.maskTokenId : id))`;
  return `import { loadBert } from "plainbert";
const bert = await loadBert(${(from ?? ["PATH OF YOUR MODEL"]).map((one) => JSON.stringify(one)).join(", ")});${
    from ? "" : ` // the one whose bert.fingerprint is ${fingerprint}`
  }
const { inputIds, tokenTypeIds, length: T } = bert.tokenizer.encode(${JSON.stringify(text)}${options && `, { ${options} }`});
const { attentions } = await bert.forward([{ ${ids}, tokenTypeIds }], { attentions: true });
const probabilities = attentions[${layer}].data.subarray(${head} * T * T, ${head + 1} * T * T); // [T, T]
`;
}
