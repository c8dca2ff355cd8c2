import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { plainbert } from "./run.ts";

test.runIf(existsSync("/proc/cpuinfo"))(
  "a page for people; the processor's features are those of the system",
  async () => {
    const { stdout } = await plainbert(["doctor", "--backend", "plain"]);
    expect(stdout).toMatch(/^backend +plain, 64 bits$/m);
    const [, features] = /^features +(.*) \(\/proc\/cpuinfo\)$/m.exec(stdout) ?? [];
    const info = readFileSync("/proc/cpuinfo", "utf8");
    for (const name of features.split(", ")) expect(info).toMatch(new RegExp(`\\b${name}\\b`));
  },
);
