import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Client, type Port } from "../../src/explorer/client.ts";
import type { EffectRequest } from "../../src/explorer/effects/effect.ts";
import type { ExplorerRequest, ExplorerResult } from "../../src/explorer/explorerResult.ts";
import type { TapNumbers, TapRequest } from "../../src/explorer/steps/tapAnswers.ts";
import type { FromWorker, ToWorker } from "../../src/explorer/worker.ts";
import { parseConfig } from "../../src/index.ts";

/** A worker that answers when it is told to. */
class HandPort implements Port {
  onmessage: Port["onmessage"] = null;
  onmessageerror: Port["onmessageerror"] = null;
  onerror: Port["onerror"] = null;
  readonly opened: ToWorker[] = [];
  /** Requests that have not been answered, oldest first. */
  readonly open: { readonly id: number; readonly request: ExplorerRequest }[] = [];
  /** Taps that are looked at and have not been answered, oldest first. */
  readonly looks: { readonly look: number; readonly at: TapRequest | EffectRequest }[] = [];
  isEnded = false;

  postMessage(message: ToWorker): void {
    if (this.isEnded) throw new Error("a worker that has ended was asked");
    if ("open" in message) this.opened.push(message);
    else if ("request" in message) this.open.push(message);
    else if ("look" in message) this.looks.push(message);
    else if ("write" in message) this.send({ written: Uint8Array.of(message.write.tensors.length) });
  }

  terminate(): void {
    this.isEnded = true;
  }

  /** What a worker sends, whether or not anybody still hears it. */
  send(data: FromWorker): void {
    this.onmessage?.({ data } as MessageEvent<FromWorker>);
  }

  answer(): void {
    const asked = this.open.shift();
    if (asked) this.send({ id: asked.id, result: { request: asked.request } as ExplorerResult });
  }

  refuse(): void {
    const asked = this.open.shift();
    if (asked) this.send({ id: asked.id, problem: `cannot: ${asked.request.text}` });
  }
}

const requestOf = (text: string): ExplorerRequest => ({ text, pair: "", masks: [], top: 8 });
const config = parseConfig("{}");
const summary = {
  config,
  layers: 1,
  heads: 1,
  hiddenSize: 4,
  positions: 8,
  backend: "plain",
  reason: "",
  fingerprint: "",
  steps: [],
};

function started(): { client: Client; ports: HandPort[]; heard: string[] } {
  const ports: HandPort[] = [];
  const heard: string[] = [];
  const client = new Client(
    () => {
      ports.push(new HandPort());
      return ports[ports.length - 1];
    },
    {
      progress: (share) => heard.push(`progress ${share}`),
      opened: ({ backend }) => heard.push(`opened ${backend}`),
      result: ({ request }) => heard.push(`result ${request.text}`),
      unopened: (message) => heard.push(`unopened: ${message}`),
      problem: (message) => heard.push(message),
      stopped: (message) => heard.push(`stopped: ${message}`),
      beside: (news) => heard.push(`beside ${Object.keys(news)}`),
      written: (file) => heard.push(`written ${file}`),
    },
  );
  client.open("model/");
  return { client, ports, heard };
}

describe("while texts are typed faster than they are computed", () => {
  test("one runs, the last of the others waits, what is stale is dropped", () => {
    const { client, ports, heard } = started();
    const [port] = ports;
    for (const text of ["a", "ab", "abc"]) client.ask(requestOf(text));
    expect(port.open.map(({ request }) => request.text)).toEqual(["a"]);
    port.answer();
    expect(heard).toEqual([]);
    expect(port.open.map(({ request }) => request.text)).toEqual(["abc"]);
    port.answer();
    expect(heard).toEqual(["result abc"]);
  });

  test("in any order of typing, answers, refusals, deaths and new starts", () => {
    const steps = fc.array(
      fc.constantFrom("ask", "ask", "ask", "answer", "answer", "refuse", "late", "die", "restart"),
      { maxLength: 60, size: "max" },
    );
    const reached = { dropped: 0, answered: 0, restarted: 0 };
    fc.assert(
      fc.property(steps, (list) => {
        const { client, ports, heard } = started();
        let [asked, isRunning] = [0, true];
        let before: HandPort | null = null;
        for (const step of list) {
          const port = ports[ports.length - 1];
          const [from, live] = [heard.length, port.open.length];
          if (step === "ask") client.ask(requestOf(String(++asked)));
          if (step === "answer") port.answer();
          if (step === "refuse") port.refuse();
          if (step === "late") before?.answer(); // of a worker that was replaced
          if (step === "die") port.onerror?.({ message: "out of memory" } as ErrorEvent);
          if (step === "restart") {
            before = port;
            client.restart();
          }
          const told = heard.slice(from);
          if (step === "restart") isRunning = true;
          if (step === "die") {
            expect(told).toEqual(isRunning ? ["stopped: The worker that computes has stopped: out of memory."] : []);
            isRunning = false;
          } else if (told.length > 0) {
            // Whatever is told is of the text that was asked last.
            expect(told).toEqual([step === "answer" ? `result ${asked}` : `cannot: ${asked}`]);
            reached.answered++;
          } else if (step === "answer" && live > 0 && isRunning) reached.dropped++;
          for (const one of ports) expect(one.open.length).toBeLessThanOrEqual(1);
          expect(ports.filter(({ isEnded }) => !isEnded).length).toBe(isRunning ? 1 : 0);
        }
        // At last all is answered: the text that was asked last is what is shown, unless its worker died.
        const [port, from] = [ports[ports.length - 1], heard.length];
        if (!isRunning) client.restart();
        reached.restarted += isRunning ? 0 : 1;
        client.ask(requestOf("last"));
        const now = ports[ports.length - 1];
        expect(now === port).toBe(isRunning);
        while (now.open.length > 0) now.answer();
        expect(heard.slice(from)).toEqual(["result last"]);
      }),
      { numRuns: 2000 },
    );
    for (const count of Object.values(reached)) expect(count).toBeGreaterThan(100);
  });
});

describe("a worker", () => {
  test("tells how much of the model is there, and when it is open", () => {
    const { ports, heard } = started();
    expect(ports[0].opened).toEqual([{ open: "model/" }]);
    ports[0].send({ progress: 40 });
    ports[0].send({ opened: summary });
    expect(heard).toEqual(["progress 40", "opened plain"]);
  });

  test("writes files beside, whatever runs, and none once it is stopped", () => {
    const { client, ports, heard } = started();
    client.ask(requestOf("a"));
    client.write({ tensors: [], metadata: [] });
    ports[0].send({ unwritten: "too large" });
    ports[0].answer();
    expect(heard).toEqual(["written 0", "written too large", "result a"]);
    ports[0].send({ id: null, problem: "no model" });
    client.write({ tensors: [], metadata: [] });
    expect(heard.length).toBe(4);
  });

  test("that cannot compute a text computes the next", () => {
    const { client, ports, heard } = started();
    client.ask(requestOf("a"));
    ports[0].refuse();
    client.ask(requestOf("b"));
    ports[0].answer();
    expect(heard).toEqual(["cannot: a", "result b"]);
  });

  test.each([
    ["dies", (port: Port) => port.onerror?.({ message: "boom" } as ErrorEvent), "has stopped: boom."],
    ["is not found", (port: Port) => port.onerror?.({} as ErrorEvent), "has stopped: it cannot be loaded."],
    ["sends nonsense", (port: Port) => port.onmessageerror?.({} as MessageEvent), "its answer cannot be read."],
    ["finds no model", (port: Port) => (port as HandPort).send({ id: null, problem: "no config.json" }), "no config"],
  ])("that %s: the page is told, and another opens the same model", (_, fail, message) => {
    const { client, ports, heard } = started();
    const [dead] = ports;
    client.ask(requestOf("a"));
    client.ask(requestOf("b"));
    fail(dead);
    expect(heard.length).toBe(1);
    expect(heard[0]).toMatch(/^stopped: /);
    expect(heard[0]).toContain(message);
    expect(dead.isEnded).toBe(true);
    client.ask(requestOf("c")); // asks nobody
    dead.answer(); // is not heard
    expect(heard.length).toBe(1);
    client.restart();
    expect(ports.length).toBe(2);
    expect(ports[1].opened).toEqual([{ open: "model/" }]);
    expect(ports[1].open).toEqual([]);
    client.ask(requestOf("d"));
    ports[1].answer();
    expect(heard.slice(1)).toEqual(["result d"]);
  });
});

describe("another model", () => {
  const sea = new Map([["config.json", new Blob(["{}"])]]);

  test("answers once it is open; until then the one before does", () => {
    const { client, ports, heard } = started();
    client.openOther(sea);
    expect(ports[1].opened).toEqual([{ open: sea }]);
    client.ask(requestOf("a"));
    ports[0].answer();
    client.ask(requestOf("b"));
    client.ask(requestOf("c"));
    ports[1].send({ progress: 50 });
    ports[1].send({ opened: { ...summary, backend: "other" } });
    expect(heard).toEqual(["result a", "progress 50", "opened other"]);
    expect(ports.map(({ isEnded }) => isEnded)).toEqual([true, false]);
    ports[0].answer(); // is not heard
    client.ask(requestOf("d"));
    ports[1].answer();
    expect(heard.slice(3)).toEqual(["result d"]);
    expect(ports[1].open).toEqual([]);
    client.restart();
    expect(ports[2].opened).toEqual([{ open: sea }]);
  });

  test.each([
    ["cannot be opened", (port: HandPort) => port.send({ id: null, problem: "no config" }), "unopened: no config"],
    [
      "dies",
      (port: HandPort) => port.onerror?.({} as ErrorEvent),
      "unopened: The worker that opens the model has stopped.",
    ],
    [
      "sends nonsense",
      (port: HandPort) => port.onmessageerror?.({} as MessageEvent),
      "unopened: The worker that opens the model has stopped.",
    ],
  ])("that %s: the one before stays", (_, fail, message) => {
    const { client, ports, heard } = started();
    client.ask(requestOf("a"));
    client.openOther(sea);
    fail(ports[1]);
    ports[0].answer();
    expect(heard).toEqual([message, "result a"]);
    expect(ports.map(({ isEnded }) => isEnded)).toEqual([false, true]);
    client.restart();
    expect(ports[2].opened).toEqual([{ open: "model/" }]);
  });

  test("in place of one that is being opened, which is not heard of again", () => {
    const { client, ports, heard } = started();
    client.openOther("one/");
    client.openOther("two/");
    expect(ports.map(({ isEnded }) => isEnded)).toEqual([false, true, false]);
    ports[1].send({ opened: summary });
    ports[2].send({ opened: summary });
    expect(heard).toEqual(["opened plain"]);
    expect(ports.map(({ isEnded }) => isEnded)).toEqual([true, true, false]);
  });

  test("in place of one that has stopped", () => {
    const { client, ports, heard } = started();
    ports[0].send({ id: null, problem: "no model" });
    client.openOther(sea);
    expect(ports[1].opened).toEqual([{ open: sea }]);
    ports[1].send({ opened: summary });
    client.ask(requestOf("a"));
    ports[1].answer();
    expect(heard).toEqual(["stopped: no model", "opened plain", "result a"]);
  });

  test("that is being opened when the one before dies is ended with it", () => {
    const { client, ports } = started();
    client.openOther(sea);
    ports[0].onerror?.({ message: "boom" } as ErrorEvent);
    expect(ports.map(({ isEnded }) => isEnded)).toEqual([true, true]);
  });
});

describe("a tap that is looked at", () => {
  const at = { request: requestOf("a"), tap: "bert.embeddings", place: null };
  const seenOf = (tap: string) => ({ tap }) as TapNumbers;

  test("is told to who asked, in any order, beside what is computed", async () => {
    const { client, ports, heard } = started();
    client.ask(requestOf("a"));
    const [first, second] = [client.look(at), client.look({ ...at, tap: "classifier" })];
    const [port] = ports;
    expect(port.looks.map(({ at }) => ("tap" in at ? at.tap : null))).toEqual(["bert.embeddings", "classifier"]);
    for (const { look, at } of port.looks.toReversed()) port.send({ look, seen: seenOf("tap" in at ? at.tap : "") });
    expect([(await first).tap, (await second).tap]).toEqual(["bert.embeddings", "classifier"]);
    port.answer();
    expect(heard).toEqual(["result a"]);
  });

  test("that cannot be seen, or whose worker stops, is an error with the reason", async () => {
    const { client, ports } = started();
    const refused = client.look(at);
    ports[0].send({ look: ports[0].looks[0].look, unseen: "no such place" });
    await expect(refused).rejects.toThrow("no such place");
    const lost = client.look(at);
    ports[0].onerror?.({ message: "out of memory" } as ErrorEvent);
    await expect(lost).rejects.toThrow("The worker that computes has stopped.");
    await expect(client.look(at)).rejects.toThrow("The worker that computes has stopped.");
    client.restart();
    const again = client.look(at);
    ports[1].send({ look: ports[1].looks[0].look, seen: seenOf("x") });
    expect((await again).tap).toBe("x");
  });
});
