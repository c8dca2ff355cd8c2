import { defineConfig, type ViteUserConfig } from "vitest/config";

/** `fast` is every test but `*.slow.test.ts`; `slow` is those alone (real sizes, a million generated cases). */
const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.slow.test.ts"],
          testTimeout: 30_000,
        },
      },
      { test: { name: "slow", include: ["test/**/*.slow.test.ts"], testTimeout: 600_000, hookTimeout: 600_000 } },
    ],
  },
});
export default config;
