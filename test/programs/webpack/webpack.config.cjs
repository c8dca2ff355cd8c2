/** A program for Node in one file, with the files that it needs beside it. */
module.exports = {
  mode: "production",
  target: "node",
  entry: "./program.mjs",
  output: { path: `${__dirname}/out`, filename: "program.cjs" },
};
