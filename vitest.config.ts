import { defineConfig, type ViteUserConfig } from "vitest/config";

/** Where to write the results as JSON beside the printed ones; `.ci/run` adds them up. */
const report = process.env.TEST_REPORT;

/** `fast` is every test but the following; `slow` is real sizes and a million generated cases, `browser` what needs a page. */
const config: ViteUserConfig = defineConfig({
  test: {
    maxWorkers: "100%", // the default leaves one core idle, half of a machine with two
    ...(report && { reporters: ["default", "json"], outputFile: { json: report } }),
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/**/*.{slow,page,real}.test.ts",
            "test/programs/**",
            "test/types/**",
            "test/serve/clients/**",
            "test/integrations/**",
          ],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/**/*.page.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false, // they build their programs in one folder
        },
      },
      {
        test: {
          name: "programs",
          include: ["test/programs/{programs,examples}.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 60_000, // npm installs the package
          fileParallelism: false, // each builds the package in one folder
        },
      },
      {
        test: {
          name: "clients",
          include: ["test/{serve/clients,integrations}/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "mounts",
          include: ["test/programs/mounts.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 600_000, // npm installs, Next.js builds
        },
      },
      { test: { name: "programs:rest", include: ["test/programs/rest.test.ts"], testTimeout: 600_000 } },
      {
        test: {
          name: "types",
          include: ["test/types/*.test.ts"],
          globalSetup: "test/types/setup.ts",
          maxConcurrency: 2, // compilers at once
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: "real", include: ["test/real/*.real.test.ts"], testTimeout: 120_000, hookTimeout: 120_000 } },
      { test: { name: "slow", include: ["test/**/*.slow.test.ts"], testTimeout: 600_000, hookTimeout: 600_000 } },
    ],
  },
});
export default config;
