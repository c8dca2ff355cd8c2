import { InferenceClient } from "@huggingface/inference";
import { describe, expect, test } from "vitest";
import { pipeline } from "../../../src/pipelines/index.ts";
import { head } from "../../cli/run.ts";
import { WEIGHTS } from "../../pipelines/support.ts";
import { floats, ownVectors, serve, TEXTS } from "./service.ts";

const client = new InferenceClient();

describe("an embedding model", async () => {
  const address = await serve();

  test("featureExtraction, at the address and at /embed: as text-embeddings-inference, vectors of length 1", async () => {
    const own = await ownVectors(TEXTS);
    for (const endpointUrl of [address, `${address}/embed`]) {
      const vectors = await client.featureExtraction({ endpointUrl, inputs: [...TEXTS] });
      expect(floats(vectors as number[][])).toEqual(own);
    }
    const one = await client.endpoint(address).featureExtraction({ inputs: TEXTS[0] });
    expect(floats(one as number[][])).toEqual([own[0]]);
    const eight = await client.featureExtraction({ endpointUrl: address, inputs: [...TEXTS], dimensions: 8 });
    expect(floats(eight as number[][])).toEqual(await ownVectors(TEXTS, 8));
  });

  test("sentenceSimilarity, at /similarity", async () => {
    await using compare = await pipeline("sentence-similarity");
    const inputs = { source_sentence: TEXTS[0], sentences: [...TEXTS] };
    const scores = await client.sentenceSimilarity({ endpointUrl: `${address}/similarity`, inputs });
    expect(scores).toEqual(await compare(inputs));
  });

  test("an error has the service's message", async () => {
    const asked = client.featureExtraction({ endpointUrl: address, inputs: "" });
    await expect(asked).rejects.toThrow("Input validation error: `inputs` cannot be empty");
  });
});

test("textClassification, at /text-classification; what /predict answers to one text it does not read", async () => {
  const address = await serve("--model", head("nli"));
  await using classify = await pipeline("text-classification", head("nli"));
  const own = await classify(TEXTS[0], { top_k: null });
  const endpointUrl = `${address}/text-classification`;
  expect(await client.textClassification({ endpointUrl, inputs: TEXTS[0] })).toEqual(own);
  const best = await client.textClassification({ endpointUrl, inputs: TEXTS[0], parameters: { top_k: 1 } });
  expect(best).toEqual(own.slice(0, 1));
  await expect(client.textClassification({ endpointUrl: address, inputs: TEXTS[0] })).rejects.toThrow("malformed");
});

test("fillMask, at /fill-mask", async () => {
  const endpointUrl = `${await serve("--model", WEIGHTS)}/fill-mask`;
  const inputs = "She opened the [MASK] and went into the room.";
  await using unmask = await pipeline("fill-mask", WEIGHTS);
  expect(await client.fillMask({ endpointUrl, inputs })).toEqual(await unmask(inputs));
  const two = await client.fillMask({ endpointUrl, inputs, parameters: { top_k: 2 } });
  expect(two).toEqual(await unmask(inputs, { top_k: 2 }));
});

test("tokenClassification, at /token-classification, with a strategy to put tokens together", async () => {
  const endpointUrl = `${await serve("--model", head("ner"))}/token-classification`;
  const inputs = "Emma Smith lived in London with John.";
  const parameters = { aggregation_strategy: "simple" } as const;
  await using recognize = await pipeline("token-classification", head("ner"));
  const entities = await client.tokenClassification({ endpointUrl, inputs, parameters });
  expect(entities.length).toBeGreaterThan(0);
  expect(entities).toEqual(await recognize(inputs, parameters));
});

test("questionAnswering, at /question-answering", async () => {
  const endpointUrl = `${await serve("--model", head("qa"))}/question-answering`;
  const inputs = { question: "Where did Emma live?", context: "Emma Smith lived in London with John." };
  await using answer = await pipeline("question-answering", head("qa"));
  expect(await client.questionAnswering({ endpointUrl, inputs })).toEqual(await answer(inputs));
});
