/** @type {import("next").NextConfig} */
const config = {
  output: "standalone",
  outputFileTracingRoot: import.meta.dirname,
  ...(process.env.EXTERNAL && { serverExternalPackages: ["plainbert"] }),
  ...(process.env.EXTERNAL ? {} : { turbopack: { root: import.meta.dirname } }),
};
export default config;
