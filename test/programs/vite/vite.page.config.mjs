export default { logLevel: "error", build: { outDir: "page" } };
