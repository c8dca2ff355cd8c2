const webpack = require("webpack");

/** A program in one file, with the files that it needs beside it. The argument is the target: node or web. */
const config = {
  mode: "production",
  target: process.argv[2],
  entry: "./program.mjs",
  output: { path: `${__dirname}/out`, filename: "program.cjs" },
};

webpack(config, (error, stats) => {
  const failed = error ?? (stats.hasErrors() ? stats.toString({ all: false, errors: true }) : null);
  if (failed) console.error(failed);
  process.exitCode = failed ? 1 : 0;
});
