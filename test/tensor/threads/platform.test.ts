import { afterEach, expect, test, vi } from "vitest";
import { environment } from "../../../src/tensor/threads/platform.ts";

afterEach(() => vi.unstubAllGlobals());

test("an environment variable; none where there is no process", () => {
  vi.stubGlobal("process", { env: { PLAINBERT_THREADS: "3" } });
  expect(environment("PLAINBERT_THREADS")).toBe("3");
  expect(environment("PLAINBERT_WIDE")).toBeUndefined();
  vi.stubGlobal("process", undefined);
  expect(environment("PLAINBERT_THREADS")).toBeUndefined();
});

test("none where it must not be read, as in Deno without --allow-env", () => {
  const env = {
    get PLAINBERT_THREADS(): string {
      throw new Error("Requires env access");
    },
  };
  vi.stubGlobal("process", { env });
  expect(environment("PLAINBERT_THREADS")).toBeUndefined();
});
