import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const TRAINING = join(import.meta.dirname, "../../docs/reading/onePageTraining.ts");

test("after a minute the loss has fallen, and the gaps of the rhyme are filled", { timeout: 600_000 }, () => {
  const { stdout, stderr } = spawnSync(process.execPath, [TRAINING], { encoding: "utf8" });
  expect(stderr).toBe("");
  const losses = [...stdout.matchAll(/loss (\d+\.\d+)/g)].map(([, loss]) => Number(loss));
  expect(losses).toHaveLength(14);
  expect(losses[0]).toBeGreaterThan(3);
  expect(losses[13]).toBeLessThan(0.5);
  const answers = stdout.trimEnd().split("\n").slice(14);
  expect(answers.map((line) => line.split(" ").at(-1))).toEqual(["little", "diamond", "sun", "little"]);
});
