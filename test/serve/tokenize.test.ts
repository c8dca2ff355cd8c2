import { describe, expect, test } from "vitest";
import { head } from "../cli/run.ts";
import { post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";
import { LIMIT, LONG, load, TEXTS } from "./support.ts";

const mlm = await load(head("mlm"));
const handler = createRequestHandler(mlm);

describe("/tokenize and /decode", () => {
  const text = "Naïve 𝒳 door—Unaffable";

  test("tokens with their places in UTF-8", async () => {
    const { body } = await post(handler, "/tokenize", { inputs: [text, LONG] });
    const encoding = mlm.tokenizer.encode(text);
    expect(body[0].map(({ id }: { id: number }) => id)).toEqual(encoding.inputIds);
    expect(body[1].length).toBeGreaterThan(LIMIT); // nothing is cut
    const bytes = Buffer.from(text);
    for (const token of body[0]) {
      const between = token.special ? null : bytes.subarray(token.start, token.stop).toString();
      expect(token).toMatchObject(between === null ? { start: null, stop: null } : { text: between });
    }
    expect(body[0].filter(({ special }: { special: boolean }) => special)).toMatchObject([
      { text: "[CLS]" },
      { text: "[SEP]" },
    ]);
    const bare = await post(handler, "/tokenize", { inputs: text, add_special_tokens: false });
    expect(bare.body[0]).toEqual(body[0].slice(1, -1));
  });

  test("ids come back as texts", async () => {
    const ids = mlm.tokenizer.encode(TEXTS[0]).inputIds;
    const skipped = mlm.tokenizer.decode(ids, { skipSpecialTokens: true });
    expect((await post(handler, "/decode", { ids })).body).toEqual([skipped]);
    const { body } = await post(handler, "/decode", { ids: [ids, ids.slice(1, 3)], skip_special_tokens: false });
    expect(body).toEqual([mlm.tokenizer.decode(ids), mlm.tokenizer.decode(ids.slice(1, 3))]);
    expect(body[0]).toContain("[CLS]");
  });
});
