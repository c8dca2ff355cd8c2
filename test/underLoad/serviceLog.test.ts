import { expect, test } from "vitest";
import { ServeLog } from "../../src/cli/serveLog.ts";
import { withStreams } from "../../src/cli/streams.ts";
import { isExpected } from "./serviceLog.ts";

/** The lines that a log has written. */
async function linesOf(write: (log: ServeLog) => unknown): Promise<string[]> {
  const written: string[] = [];
  const stderr = { write: (text: string) => written.push(text) };
  await withStreams({ stderr } as never, async () => void (await write(new ServeLog(false))));
  return written.join("").split("\n").slice(0, -1);
}

test.each([200, 400, 413, 424, 429, 499, 503])(
  "a request that gets status %d is a line that is expected",
  async (status) => {
    const body = status === 499 ? null : JSON.stringify({ error: "why", error_type: "Validation" });
    const headers = { "content-type": "application/json", "x-total-time": "5" };
    const handler = Object.assign(async () => new Response(body, { status, headers }), { drain: async () => {} });
    const request = new Request("http://localhost/embed", { method: "POST", body: "{}" });
    const lines = await linesOf((log) => log.of(handler)(request));
    expect([lines.length, lines.filter(isExpected).length], lines.join()).toEqual([1, 1]);
  },
);

test("so is what the service does; what is thrown is none, and nothing else is", async () => {
  expect((await linesOf((log) => log.info("Ready"))).map(isExpected)).toEqual([true]);
  const thrown = await linesOf((log) => log.error(new TypeError("x is not a function")));
  expect(thrown.length).toBeGreaterThan(1); // its stack
  expect(thrown.filter(isExpected)).toEqual([]);
  for (const line of ["(node:1) Warning: Possible EventEmitter memory leak", "", "Error: status=200"])
    expect(isExpected(line), line).toBe(false);
});
