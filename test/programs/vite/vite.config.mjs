export default {
  logLevel: "warn",
  ssr: { noExternal: true },
  build: { ssr: "program.mjs", outDir: "out" },
};
