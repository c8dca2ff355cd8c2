const { writeFileSync } = require("node:fs");
const plainbert = require("plainbert");
const { check } = require("./check.mjs");

test("require", async () => {
  const { MODEL: folder, ASSETS: assets, FOUND: file } = process.env;
  writeFileSync(file, JSON.stringify(await check(plainbert, { folder, assets })));
});
