import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, ElementHandle, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ExplorerServer, serve } from "../../src/cli/explorerServer.ts";
import { modelFiles, pageFiles } from "../../src/cli/servedFiles.ts";
import { compute, type ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { loadBert, writeSafetensors } from "../../src/index.ts";
import { faultsOf } from "../browser/accessibility.ts";
import type { Site } from "../browser/site.ts";
import { head } from "../cli/run.ts";
import { HubServer } from "../hub/server.ts";
import { preTrainingShapes } from "../support/synthetic.ts";
import { openBuilt, ROOT } from "./built.ts";

/** A model of the hub in the page: asked for in so many words, told before it is fetched, fetched, cancelled, refused. */
const TEXT = "She opened the [MASK] and looked out.";
const LINK = `#${new URLSearchParams({ v: "1", a: TEXT })}`;

const filesIn = (folder: string): Record<string, Uint8Array> =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [[entry.name, new Uint8Array(readFileSync(join(folder, entry.name)))]] : [],
    ),
  );

let opened: Awaited<ReturnType<typeof openBuilt>> | undefined;
let browser: Browser;
let site: Site;
let hub: HubServer;
let page: Page;
const [complaints, requests]: string[][] = [[], []];

/** Keeps what the page's workers answer. */
const LISTEN = `globalThis.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => { if ("result" in data) globalThis.seen = data.result; });
  }
}`;

const pageAt = (endpoint: string): string =>
  readFileSync(join(ROOT, "dist", "explorer", "index.html"), "utf8").replace(
    "</head>",
    `<meta name="hub" content="${endpoint}"></head>`,
  );

beforeAll(async () => {
  opened = await openBuilt();
  ({ browser, site } = opened);
  hub = await HubServer.start();
  hub.add("org/small", filesIn(head("mlm")));
  site.texts.set("/hub.html", pageAt(hub.endpoint));
}, 240_000);
afterAll(async () => {
  await opened?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const list of [complaints, requests, hub.seen]) list.length = 0;
  hub.fault = () => undefined;
  const context = await browser.createBrowserContext(); // so that nothing is kept from test to test
  page = await context.newPage();
  await page.evaluateOnNewDocument(LISTEN);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("request", (request) => requests.push(request.url()));
});
afterEach(async () => {
  await page.browserContext().close();
  // What a browser says of an answer that is no file, or of none.
  expect(complaints.filter((text) => !text.startsWith("Failed to load resource"))).toEqual([]);
});

const until = (condition: string, timeout = 20_000) => page.waitForFunction(condition, { timeout });
const status = () => page.$eval("header p", ({ textContent }) => (textContent ?? "").replace(/\s+/g, " ").trim());
const said = () =>
  page.$eval("#hub [role=status]", ({ textContent }) => (textContent ?? "").replace(/\s+/g, " ").trim());

async function open(address = `${site.origin}/hub.html`): Promise<void> {
  await page.goto(address + LINK);
  await page.waitForSelector("#head", { timeout: 60_000 });
}

/** Opens the dialog by the keyboard, writes an id into it, and has it looked up. */
async function lookUp(id: string): Promise<void> {
  await page.evaluate(
    `[...document.querySelectorAll("summary")].find(({ textContent }) => textContent === "Open model").focus()`,
  );
  await page.keyboard.press("Enter");
  for (let n = 0; n < 2; n++) await page.keyboard.press("Tab");
  expect(await page.evaluate("document.activeElement.id")).toBe("open-hub");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#hub[open]");
  expect(await page.evaluate("document.activeElement.id")).toBe("hub-id");
  await page.keyboard.type(id);
  await page.keyboard.press("Enter");
}

const isTold =
  '/million|\\S/.test(document.querySelector("#hub [role=status]").textContent.replace("The hub is asked …", ""))';

/** Looks a model up and fetches it. */
async function fetchModel(id: string): Promise<void> {
  await lookUp(id);
  await until('/million/.test(document.querySelector("#hub [role=status]").textContent)');
  await page.keyboard.press("Enter");
  await until(`document.querySelector("header p").textContent.includes("${id} ·") && document.querySelector("#head")`);
}

describe("a model of the hub", () => {
  test("is told before it is fetched, and nobody is asked before that is asked for", async () => {
    await open();
    expect(hub.seen).toEqual([]);
    await lookUp("org/small");
    await until(isTold);
    const { "model.safetensors": weights } = filesIn(head("mlm"));
    const megabytes = (weights.length / 1e6).toFixed(1);
    expect(await said()).toMatch(
      new RegExp(
        `^0\\.\\d million numbers: ${megabytes} MB to fetch, .* takes about \\d+ MB of memory while the model is open`,
      ),
    );
    expect(hub.seen.map(({ file }) => file)).not.toContain("model.safetensors");
    expect(hub.seen.map(({ file }) => file)).toContain("config.json");
    await page.keyboard.press("Escape");
    expect(await page.$("#hub[open]")).toBeNull();
    expect(await status()).toContain("4 layers · 4 heads");
  });

  test("is the page's then: its numbers are Node's, its id is in the link and in the code", async () => {
    await open();
    await fetchModel("org/small");
    await using bert = await loadBert(head("mlm"), { backend: "simd", wide: false, threads: 1 });
    await until(`seen.request.text === ${JSON.stringify(TEXT)} && seen.attentions.length === 2`);
    const json = "JSON.stringify({ ...seen, attentions: seen.attentions.map((list) => [...list]) })";
    const { request, attentions, gaps } = JSON.parse((await page.evaluate(json)) as string) as ExplorerResult;
    const want = compute(bert, bert.tokenizer, request);
    expect(attentions).toEqual(want.attentions.map((list) => [...list]));
    expect(gaps[0].answers.map(({ logit }) => logit)).toEqual(want.gaps[0].answers.map(({ logit }) => logit));
    const fields = new URLSearchParams(((await page.evaluate("location.hash")) as string).slice(1));
    expect(fields.get("m")).toBe("org/small");
    await page.evaluate(`
      Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: async (text) => { globalThis.copied = text; } } });
      [...document.querySelectorAll(".menu button")].find(({ textContent }) => textContent.startsWith("Copy")).click();`);
    expect(await page.evaluate("copied")).toContain(`loadBert("org/small", {"endpoint":"${hub.endpoint}"})`);
    // Neither a text nor the link's state is in what the hub was asked.
    for (const { file, headers } of hub.seen)
      expect(file + JSON.stringify(headers)).not.toMatch(/opened|looked|%5BMASK/);
  });

  test("is not fetched again by a link: the page tells of whom it is, and has the id ready", async () => {
    await open();
    await fetchModel("org/small");
    hub.seen.length = 0;
    await page.reload();
    await page.waitForSelector("#head", { timeout: 30_000 });
    const alerts = await page.$$eval('[role="alert"]', (all) => all.map(({ textContent }) => textContent?.trim()));
    expect(alerts).toEqual(["The link is of the model “org/small”, which was opened from the hub: open it again."]);
    expect(hub.seen).toEqual([]);
  });

  test("is kept by the browser: its weights are fetched once", async () => {
    await open();
    await fetchModel("org/small");
    await page.goto(`${site.origin}/hub.html?again${LINK}`);
    await page.waitForSelector("#head", { timeout: 30_000 });
    hub.seen.length = 0;
    await fetchModel("org/small");
    expect(hub.seen.map(({ file }) => file)).not.toContain("model.safetensors");
  });

  test("on its way it is told how much is there; it can be cancelled, and the model before answers on", async () => {
    hub.fault = ({ file }) => (file === "model.safetensors" ? { slow: 400 } : undefined);
    await open();
    await lookUp("org/small");
    await until('/million/.test(document.querySelector("#hub [role=status]").textContent)');
    await page.keyboard.press("Enter");
    await until('/“org\\/small” is coming: \\d+ %/.test(document.querySelector("header p").textContent)');
    await page.click("#cancel");
    await until('document.querySelector("#cancel") === null');
    expect(await status()).toMatch(/^4 layers · 4 heads/);
    await page.focus("#text-a");
    await page.keyboard.press("End");
    await page.keyboard.type("x");
    await until('seen.request.text.endsWith("x")');
    expect(await page.$('[role="alert"]')).toBeNull();
  });
});

describe("what cannot be opened is told in a sentence, and the model before stays", () => {
  const encoder = new TextEncoder();
  const small = filesIn(head("mlm"));
  const config = (fields: object) =>
    encoder.encode(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(small["config.json"])), ...fields }));
  const { "model.safetensors": _, ...weightless } = small;

  test.each<[string, string, () => void, RegExp]>([
    [
      "a wrong id",
      "org/none",
      () => {},
      /^org\/none: .*401.*: there is no model org\/none on http.*, or it is private and needs a token: plainbert explore --model takes yours$/,
    ],
    [
      "no id",
      "what is this?",
      () => {},
      /^the id must be that of a model of the hub, such as .*, got “what is this\?”$/,
    ],
    ["an address", "https://example.org/model", () => {}, /^the id must be that of a model of the hub/],
    ["nothing", " ", () => {}, /^Write the id of a model/],
    [
      "a gated model",
      "org/small",
      () => {
        hub.fault = () => ({ status: 403, headers: { "x-error-code": "GatedRepo" } });
      },
      /access must be asked for on .*\/org\/small; give a token: plainbert explore --model takes yours/,
    ],
    [
      "another kind of model",
      "org/gpt",
      () => hub.add("org/gpt", { ...small, "config.json": config({ model_type: "gpt2" }) }),
      /model_type must be .*gpt2/,
    ],
    [
      "a config.json that is none",
      "org/odd",
      () => hub.add("org/odd", { ...small, "config.json": "<img src=x onerror=alert(1)>" }),
      /config\.json.*JSON/,
    ],
    [
      "no weights",
      "org/empty",
      () => hub.add("org/empty", weightless),
      /^org\/empty must have model\.safetensors or pytorch_model\.bin, has neither$/,
    ],
    [
      "one that is too large",
      "org/huge",
      () =>
        hub.add("org/huge", {
          ...small,
          "config.json": config({
            num_hidden_layers: 96,
            hidden_size: 4096,
            intermediate_size: 16_384,
            num_attention_heads: 32,
          }),
        }),
      /^org\/huge is too large for a page: it takes 77\.\d GB of memory, where a page has 4\.2 at most$/,
    ],
  ])("%s", async (_name, id, prepare, sentence) => {
    // biome-ignore format: a case a line
    prepare();
    await open();
    await lookUp(id);
    await until(isTold);
    expect(await said()).toMatch(sentence);
    expect(hub.seen.map(({ file }) => file)).not.toContain("model.safetensors");
    expect(await page.$$("img")).toEqual([]);
    await page.keyboard.press("Escape");
    expect(await status()).toContain("4 layers · 4 heads");
  });

  test("no network", async () => {
    const gone = await HubServer.start();
    const { endpoint } = gone;
    await gone[Symbol.asyncDispose]();
    site.texts.set("/gone.html", pageAt(endpoint));
    await open(`${site.origin}/gone.html`);
    await lookUp("org/small");
    await until(isTold, 60_000);
    expect(await said()).toMatch(/^127\.0\.0\.1:\d+ cannot be reached: is this machine connected to a network\?$/);
  });

  test("weights that break off, and the hub is gone", async () => {
    await open();
    await lookUp("org/small");
    await until('/million/.test(document.querySelector("#hub [role=status]").textContent)');
    hub.fault = ({ file }) => (file === "model.safetensors" ? { status: 404 } : undefined);
    await page.keyboard.press("Enter");
    await until(`document.querySelector('[role="alert"]')`, 60_000);
    expect(await page.$eval('[role="alert"]', ({ textContent }) => textContent)).toMatch(
      /org\/small.*model\.safetensors.*404/,
    );
    expect(await status()).toMatch(/^4 layers · 4 heads/);
  });
});

describe("plainbert explore", () => {
  let server: ExplorerServer;
  beforeAll(async () => {
    const files = new Map([
      ...(await pageFiles(join(ROOT, "dist", "explorer"))),
      ...(await modelFiles(join(ROOT, "weights"))),
    ]);
    server = await serve(files, 0, [], hub.endpoint);
  });
  afterAll(() => server?.close());

  test("its page may ask nobody, its worker the hub alone, as both say in their policies", async () => {
    await open(server.address);
    const refused = await page.evaluate(
      `fetch("${hub.endpoint}/api/models/org/small/revision/main").then(() => "answered", () => "refused")`,
    );
    expect(refused).toBe("refused");
    await lookUp("org/small");
    await until(isTold);
    expect(await said()).toMatch(/million numbers/);
    // The weights are on another server, to which this hub redirects: the policy names the hub's own, and no other.
    await page.keyboard.press("Enter");
    await until(`document.querySelector('[role="alert"]')`, 60_000);
    expect(await page.$eval('[role="alert"]', ({ textContent }) => textContent)).toMatch(/no connection/);
    expect(hub.seen.filter(({ server: asked }) => asked === "cdn")).toEqual([]);
    complaints.length = 0; // which the browser makes of each
  });
});

test("the page that is one file asks no hub", async () => {
  await page.goto(`file://${join(ROOT, "dist", "explorer.html")}${LINK}`);
  await page.waitForSelector("#head", { timeout: 60_000 });
  expect(await page.$("#open-folder")).not.toBeNull();
  expect(await page.$("#open-hub")).toBeNull();
});

test.each([360, 1280, 2560].flatMap((width) => (["light", "dark"] as const).map((scheme) => [width, scheme] as const)))(
  "%d pixels wide, %s: the dialog has no fault of accessibility, and fits",
  async (width, scheme) => {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await open();
    for (const id of ["org/small", "org/none"]) {
      await lookUp(id);
      await until(isTold);
      expect(await faultsOf(page)).toEqual([]);
      const [left, right, bottom] = (await page.$eval("#hub", (dialog) => {
        const box = dialog.getBoundingClientRect();
        return [box.left, box.right, box.bottom];
      })) as number[];
      expect([left >= 0, right <= width, bottom <= 900]).toEqual([true, true, true]);
      await page.keyboard.press("Escape");
    }
  },
);

describe("a large model", () => {
  const folder = mkdtempSync(join(tmpdir(), "plainbert-large-"));
  beforeAll(() => {
    const [H, I] = [1280, 6000];
    const config = { ...JSON.parse(readFileSync(join(head("mlm"), "config.json"), "utf8")), num_hidden_layers: 1, hidden_size: H, intermediate_size: I, num_attention_heads: 20 }; // biome-ignore format: one line
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    writeFileSync(join(folder, "vocab.txt"), readFileSync(join(head("mlm"), "vocab.txt")));
    const tensors = [...preTrainingShapes(config)].map(([name, shape]) => {
      const length = shape.reduce((product, n) => product * n, 1);
      return [name, { shape, data: new Float32Array(length).fill(/LayerNorm\.weight$/.test(name) ? 1 : 0) }] as const;
    });
    writeFileSync(join(folder, "model.safetensors"), writeSafetensors(tensors));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("computes when Enter is pressed, or the button, and not while one types", async () => {
    await open();
    await ((await page.$("#folder")) as ElementHandle<HTMLInputElement>).uploadFile(folder);
    await until(
      'document.querySelector("header p").textContent.includes("1280 numbers a token") && document.querySelector("#head")',
      60_000,
    );
    await until(`seen.request.text === ${JSON.stringify(TEXT)} && seen.heads === 20`);
    const hint = () => page.$eval(".held [role=status]", ({ textContent }) => textContent);
    expect(await hint()).toBe("A model of this size computes when you press Enter.");
    await page.evaluate(
      "globalThis.asked = 0; const post = Worker.prototype.postMessage; Worker.prototype.postMessage = function (...given) { asked += 1; return post.apply(this, given); }",
    );
    await page.focus("#text-a");
    await page.keyboard.press("End");
    await page.keyboard.type(" It was cold.");
    expect(await page.evaluate("asked")).toBe(0);
    expect(await hint()).toBe("What is below is of the text before: press Enter.");
    expect(new URLSearchParams(((await page.evaluate("location.hash")) as string).slice(1)).get("a")).toBe(
      `${TEXT} It was cold.`,
    );
    await page.keyboard.press("Enter");
    await until('seen.request.text.endsWith("cold.") && document.querySelector(".late") === null');
    expect(await page.evaluate("asked")).toBe(1);
    expect(await page.$eval("#text-a", (box) => (box as unknown as { value: string }).value)).toBe(
      `${TEXT} It was cold.`,
    );
    await page.keyboard.type("!");
    await page.click("#compute");
    await until('seen.request.text.endsWith("!")');
    expect(await faultsOf(page)).toEqual([]);
  });
});
