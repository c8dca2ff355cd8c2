import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, describe, expect, test, vi } from "vitest";
import { HELD_BYTES } from "../../src/serve/heldMemory.ts";
import { TINY } from "./run.ts";
import { serve } from "./serving.ts";

/** The most memory that a process has had, and what it has, in bytes: of the system, which only Linux tells so. */
function memoryOf(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]);
  return { peak: field("VmHWM"), now: field("VmRSS") };
}

describe.skipIf(process.platform !== "linux")("the memory of a service", async () => {
  const { address, embed, pid, end } = await serve(TINY);
  afterAll(() => end("SIGKILL"));
  const { port } = new URL(address);
  const sockets: Socket[] = [];
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
  });
  /** Connections, to which this is written. */
  async function open(count: number, bytes = ""): Promise<{ text: string }[]> {
    const all: { text: string }[] = [];
    for (let n = 0; n < count; n++) {
      const socket = connect(Number(port), "127.0.0.1");
      const got = { text: "" };
      socket.on("error", () => {});
      socket.once("data", (data) => {
        got.text = String(data);
        socket.pause(); // of a long answer it reads the beginning alone
      });
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.write(bytes);
      sockets.push(socket);
      all.push(got);
    }
    return all;
  }

  test("requests that take much, whose clients do not read: it stays below three times what they may hold", async () => {
    expect((await embed({ inputs: "a" })).status).toBe(200);
    const before = memoryOf(pid).now;
    const body = JSON.stringify({ inputs: Array(32).fill("door ".repeat(70)), more: Array(300_000).fill([]) });
    const headers = `POST /embed_all HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
    const answers = await open(100, `${headers}\r\n\r\n${body}`);
    const statuses = () => answers.map(({ text }) => text.slice(9, 12));
    await vi.waitFor(() => expect(statuses()).not.toContain(""), { timeout: 150_000, interval: 200 });
    expect(new Set(statuses())).toEqual(new Set(["200", "429"]));
    // What is no longer held is not collected at once. Without a limit it is four times as much, and grows with requests.
    expect(memoryOf(pid).peak - before).toBeLessThan(3 * HELD_BYTES);
    for (const socket of sockets.splice(0)) socket.destroy();
    const next = async () => expect((await embed({ inputs: "a", more: Array(600_000).fill([]) })).status).toBe(200);
    await vi.waitFor(next, { timeout: 30_000, interval: 200 }); // what they held is free
  }, 180_000);

  test("five thousand connections that are idle hinder no other, and take little", async () => {
    const before = memoryOf(pid).now;
    await open(5000);
    expect((await embed({ inputs: "a" })).status).toBe(200);
    expect(memoryOf(pid).now - before).toBeLessThan(5000 * 40_000);
    for (const socket of sockets.splice(0)) socket.destroy();
    expect((await embed({ inputs: "a" })).status).toBe(200);
  }, 120_000);
});
