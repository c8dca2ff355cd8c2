import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { Place } from "../hub/support.ts";
import { plainbert } from "./run.ts";

const COMMIT = "0123456789".repeat(4);

test("prints the snapshot's folder, and nothing else where nobody watches", async () => {
  await using here = await Place.make();
  const expected = { code: 0, stderr: "", stdout: `${here.inModel("snapshots", COMMIT)}\n` };
  expect(await plainbert(["download", "org/small"], { env: here.env })).toMatchObject(expected);
  expect(await plainbert(["download", "org/small"], { env: { ...here.env, HF_HUB_OFFLINE: "1" } })).toMatchObject(
    expected,
  );
});

test("--revision, --cache-dir, --token", async () => {
  await using here = await Place.make();
  here.hub.token = "hf_x";
  const args = ["download", "--revision", "v1", "--cache-dir", here.at("other"), "--token", "hf_x", "org/small"];
  const { code, stdout } = await plainbert(args, { env: here.env });
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `${here.at("other", "models--org--small", "snapshots", COMMIT)}\n`,
  });
  expect(existsSync(here.at("other", "models--org--small", "refs", "v1"))).toBe(true);
});

test("failures: one line on standard error, exit code 1; 2 for a wrong command line", async () => {
  await using here = await Place.make();
  const missing = await plainbert(["download", "org/none"], { env: here.env });
  expect(missing).toMatchObject({ code: 1, stdout: "" });
  expect(missing.stderr).toMatch(
    /^plainbert: hub: org\/none: config\.json: 401 .*nor a model org\/none on .*,\sor it is private.*HF_TOKEN\n$/,
  );
  expect(await plainbert(["download"], { env: here.env })).toMatchObject({ code: 2, stdout: "" });
  expect(await plainbert(["download", "a", "b"], { env: here.env })).toMatchObject({ code: 2, stdout: "" });
});
