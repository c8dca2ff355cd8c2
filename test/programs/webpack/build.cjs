const webpack = require("webpack");

/** A program in one file, or a page, with the files that it needs beside it. The argument is the target: node or web. */
const target = process.argv[2];
const config = {
  mode: "production",
  target,
  entry: target === "web" ? "./page.mjs" : "./program.mjs",
  output:
    target === "web"
      ? { path: `${__dirname}/page`, filename: "classic.js" }
      : { path: `${__dirname}/out`, filename: "program.cjs" },
};

webpack(config, (error, stats) => {
  const failed = error ?? (stats.hasErrors() ? stats.toString({ all: false, errors: true }) : null);
  if (failed) console.error(failed);
  process.exitCode = failed ? 1 : 0;
});
