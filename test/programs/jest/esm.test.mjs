import { writeFileSync } from "node:fs";
import * as plainbert from "plainbert";
import { check } from "./check.mjs";

test("import", async () => {
  const { MODEL: folder, ASSETS: assets, FOUND: file } = process.env;
  writeFileSync(file, JSON.stringify(await check(plainbert, { folder, assets })));
});
