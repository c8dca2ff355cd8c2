import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("kernels are compiled while other threads compile other modules, and the process lives", () => {
  const program = fileURLToPath(new URL("./otherModules.ts", import.meta.url));
  expect(
    execFileSync(process.execPath, [program, "200"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  ).toBe("done\n");
});
