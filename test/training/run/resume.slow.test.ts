import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/tinyModel.ts";
import {
  contentsOf,
  ended,
  killAndResume,
  start,
  writeDistillationRun,
  writeRun,
  writeSentenceRun,
} from "./interrupted.ts";

test.each([
  ["classes", writeRun],
  ["vectors of texts", writeSentenceRun],
  ["vectors of a teacher", writeDistillationRun],
])("%s: killed at 20 random points, a run has the bits of an unbroken one", async (_, write) => {
  using place = temporaryFolder();
  const args = [...(await write(place.path)), "--max-steps", "200"];
  expect((await ended(start(args, join(place.path, "unbroken")))).code).toBe(0);
  await killAndResume(args, join(place.path, "killed"), 20, 2026);
  expect(contentsOf(join(place.path, "killed"))).toEqual(contentsOf(join(place.path, "unbroken")));
});
