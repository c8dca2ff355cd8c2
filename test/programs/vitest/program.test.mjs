import { writeFileSync } from "node:fs";
import * as plainbert from "plainbert";
import { test } from "vitest";
import { check } from "./check.mjs";

test("in a context of its own", async () => {
  const { MODEL: folder, ASSETS: assets, FOUND: file } = process.env;
  writeFileSync(file, JSON.stringify(await check(plainbert, { folder, assets })));
}, 60_000);
