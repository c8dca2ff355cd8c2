import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Fault, gitSha1, sha256 } from "./server.ts";
import { noise, Place } from "./support.ts";

const LENGTH = 40_000;
const WEIGHTS = noise(LENGTH);

const position = fc.nat(LENGTH);
const fault: fc.Arbitrary<Fault | undefined> = fc.oneof(
  fc.record({ dropAfter: position, ignoreRange: fc.boolean() }),
  fc.record({ shorten: fc.integer({ min: 1, max: LENGTH }) }),
  fc.record({ status: fc.constantFrom(404, 408, 416, 429, 500, 503) }),
  position.map((length) => ({ content: noise(length).fill(1) })),
  position.map((from) => ({ headers: { "content-range": `bytes ${from}-${LENGTH - 1}/${LENGTH}` } })),
  fc.constant(undefined),
);
const before = fc.option(fc.record({ length: fc.nat(LENGTH + 10), right: fc.boolean() }), { nil: null });

test("whatever goes wrong, the file is right or there is none, and in the end it is right", {
  timeout: 60_000,
}, async () => {
  await using here = await Place.make();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 8 }), before, async (faults, part) => {
      const cache_dir = here.at(String(run++));
      here.hub.add("org/small", { "config.json": "{}", "model.safetensors": WEIGHTS });
      const blobs = join(cache_dir, "models--org--small", "blobs");
      if (part) {
        const content = noise(part.length);
        mkdirSync(blobs, { recursive: true });
        writeFileSync(join(blobs, `${sha256(WEIGHTS)}.free.incomplete`), part.right ? content : content.fill(9));
      }
      let count = 0;
      here.hub.fault = ({ server }) => (server === "cdn" ? faults[count++] : undefined);
      const failure = await here.open({ cache_dir }).then(
        () => null,
        (error) => error,
      );
      if (failure) expect(failure).toMatchObject({ name: "BertError", code: "ERR_HUB" });
      for (const name of readdirSync(blobs)) {
        const content = readFileSync(join(blobs, name));
        if (!name.endsWith(".incomplete")) expect([sha256(content), gitSha1(content)]).toContain(name);
      }
      here.hub.fault = () => undefined;
      const { folder } = await here.open({ cache_dir });
      expect(sha256(readFileSync(join(folder.path, "model.safetensors")))).toBe(sha256(WEIGHTS));
    }),
    { numRuns: 60 },
  );
});
