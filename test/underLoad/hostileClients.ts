import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** Connections that are opened at the same time: more would not fit in the queue that the system has for a server. */
const WAVE = 250;

/** Open files that this process needs beside the idle connections, and the service too. */
const OTHER_FILES = 1500;

/** The longest that an answer to what is malformed may take, in milliseconds. */
const PATIENCE = 120_000;

async function open(address: string): Promise<Socket> {
  const socket = connect(Number(new URL(address).port), "127.0.0.1");
  await once(socket, "connect", { signal: AbortSignal.timeout(PATIENCE) });
  return socket.on("error", () => {}); // it may be cut
}

/** @returns how many of so many idle connections were open for the time, which is fewer where the system allows fewer */
export async function idleConnections(address: string, count: number, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  const possible = Math.min(count, openFileLimit() - OTHER_FILES);
  const sockets: Socket[] = [];
  while (sockets.length < possible && performance.now() < end) {
    const wave = Math.min(WAVE, possible - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: wave }, () => open(address)))));
  }
  await pause(Math.max(0, end - performance.now()));
  for (const socket of sockets) socket.destroy();
  return sockets.length;
}

/** The most files that a process may have open; Node asks for as many as it may have. */
function openFileLimit(): number {
  const limit = execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
  return limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit);
}

/** So many connections that send a byte a second, half of them of a request's head, half of its body. */
export async function slowSenders(address: string, count: number, seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1000;
  const head =
    "POST /embed HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n";
  const sockets = await Promise.all(Array.from({ length: count }, () => open(address)));
  for (const socket of sockets.slice(count / 2)) socket.write(`${head}\r\n{"inputs": "`);
  for (let at = 0; performance.now() < end; at++) {
    for (const socket of sockets.slice(0, count / 2)) if (socket.writable) socket.write(head[at % head.length]);
    for (const socket of sockets.slice(count / 2)) if (socket.writable) socket.write("a");
    await pause(Math.min(1000, Math.max(0, end - performance.now())));
  }
  for (const socket of sockets) socket.destroy();
}

/** What goes over a connection, and the statuses that may answer it. */
type Malformed = readonly [name: string, bytes: string, statuses: readonly number[]];

function embedRequest(headers: readonly string[], body: string): string {
  return ["POST /embed HTTP/1.1", "host: localhost", ...headers, "", body].join("\r\n");
}

const JSON_TYPE = "content-type: application/json";
const SHORT = '{"inputs": "a"}';
const DEEP = `{"inputs": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
const LONG = `{"inputs": "${"a".repeat(3_000_000)}"}`;
const lengthOf = (body: string) => `content-length: ${body.length}`;

const MALFORMED: readonly Malformed[] = [
  ["two lengths", embedRequest([JSON_TYPE, lengthOf(SHORT), "content-length: 3"], SHORT), [400]],
  ["a length and chunks", embedRequest([JSON_TYPE, lengthOf(SHORT), "transfer-encoding: chunked"], `f\r\n${SHORT}\r\n0\r\n\r\n`), [400]], // biome-ignore format: a row
  ["an unknown coding", embedRequest([JSON_TYPE, "transfer-encoding: xchunked"], SHORT), [400, 501]],
  ["a length below 0", embedRequest([JSON_TYPE, "content-length: -1"], SHORT), [400]],
  ["a length that is no number", embedRequest([JSON_TYPE, "content-length: many"], SHORT), [400]],
  ["a chunk's length that is no number", embedRequest([JSON_TYPE, "transfer-encoding: chunked"], `zz\r\n${SHORT}\r\n`), [400]], // biome-ignore format: a row
  ["a line without colon in the head", embedRequest([JSON_TYPE, "nothing"], ""), [400]],
  ["a head of 100 kB", embedRequest([JSON_TYPE, `x: ${"a".repeat(100_000)}`], ""), [431]],
  ["no HTTP at all", "\u0016\u0003\u0001\u0002\r\n\r\n", [400]],
  ["lists a hundred thousand deep", embedRequest([JSON_TYPE, lengthOf(DEEP)], DEEP), [400, 422]],
  ["a body past the limit", embedRequest([JSON_TYPE, lengthOf(LONG)], LONG), [413]],
  ["chunks past the limit", embedRequest([JSON_TYPE, "transfer-encoding: chunked"], `${LONG.length.toString(16)}\r\n${LONG}\r\n0\r\n\r\n`), [413]], // biome-ignore format: a row
  ["text", embedRequest(["content-type: text/plain", lengthOf(SHORT)], SHORT), [415]],
  ["a form", embedRequest(["content-type: multipart/form-data; boundary=b", lengthOf(SHORT)], SHORT), [415]],
  ["no type", embedRequest([lengthOf(SHORT)], SHORT), [415]],
];

/** Sends everything that is malformed, one after the other. @returns what was not refused as it must be */
export async function malformedRequests(address: string): Promise<string[]> {
  const faults: string[] = [];
  for (const [name, bytes, statuses] of MALFORMED) {
    const socket = await open(address);
    const received: string[] = [];
    socket.setEncoding("utf8").setTimeout(PATIENCE, () => socket.destroy());
    const answered = new Promise<void>((resolve) => {
      socket.on("data", (text) => {
        received.push(String(text));
        resolve();
      });
      socket.on("close", () => resolve());
    });
    socket.write(bytes);
    await answered;
    socket.destroy();
    const [line = "no answer"] = received.join("").split("\r\n");
    if (!statuses.includes(Number(/^HTTP\/1\.1 (\d+)/.exec(line)?.[1]))) faults.push(`${name}: ${line}`);
  }
  return faults;
}
