import { nodeResolve } from "@rollup/plugin-node-resolve";

export default {
  input: "program.mjs",
  output: { dir: "out", entryFileNames: "program.mjs" },
  plugins: [nodeResolve({ exportConditions: ["node"] })],
};
