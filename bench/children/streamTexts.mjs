// A plain process that makes vectors of a stream of texts with plainbert as it is published: node streamTexts.mjs MODEL. Each message is a
// list of texts; the answer is how many vectors there were.
import { pipeline } from "../../dist/index.js";

const embed = await pipeline("embeddings", process.argv[2]);
process.on("message", async (texts) => {
  let count = 0;
  for await (const { data } of embed(texts.values())) if (data.length > 0) count++;
  process.send(count);
});
process.on("disconnect", () => process.exit());
process.send("ready");
