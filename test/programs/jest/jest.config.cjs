module.exports = {
  testEnvironment: "node",
  transform: {},
  testMatch: ["**/*.test.mjs", "**/*.test.cjs"],
  testTimeout: 60_000,
};
