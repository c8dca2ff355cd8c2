import { existsSync } from "node:fs";
import puppeteer, { type Browser, type Page } from "puppeteer-core";

/** The browsers of the tests: Debian's, or those that the environment names. */
export const BROWSERS = ["chromium", "firefox"] as const;

export type BrowserName = (typeof BROWSERS)[number];

const QUIET = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];

/** @param args further arguments of chromium @throws Error it is not there */
export async function launch(name: BrowserName, args: readonly string[] = []): Promise<Browser> {
  const [variable, debian] = { chromium: ["CHROMIUM", "chromium"], firefox: ["FIREFOX", "firefox-esr"] }[name];
  const executablePath = process.env[variable] ?? `/usr/bin/${debian}`;
  if (!existsSync(executablePath)) throw new Error(`${executablePath} is missing; set ${variable} to a ${name}`);
  if (name === "firefox") return puppeteer.launch({ browser: "firefox", executablePath, headless: true });
  return puppeteer.launch({ browser: "chrome", executablePath, headless: true, args: [...QUIET, ...args] });
}

/** A page with the program of these tests (`program/program.mjs`). */
export class Tab implements AsyncDisposable {
  readonly page: Page;
  /** Errors that nobody caught, and warnings. */
  readonly problems: string[] = [];
  readonly warnings: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => {
      const message = String((error as Error).message ?? error);
      // Firefox says so of what a policy forbids, whoever handles it.
      if (!message.startsWith("Content-Security-Policy: ")) this.problems.push(message);
    });
    page.on("console", (message) => {
      if (message.type() === "warn") this.warnings.push(message.text());
    });
  }

  static async open(browser: Browser, url: string): Promise<Tab> {
    const tab = new Tab(await browser.newPage());
    await tab.page.goto(url);
    await tab.page.waitForFunction("globalThis.program", { timeout: 20_000 }).catch((error: unknown) => {
      throw new Error(tab.problems.join("\n") || String(error));
    });
    return tab;
  }

  /** Calls the program; in a module worker where `inWorker` is true. */
  async call<T>(name: string, ...args: readonly unknown[]): Promise<T> {
    return (await this.page.evaluate(
      `program[${JSON.stringify(name)}](...${JSON.stringify(args.map((arg) => arg ?? null))}.map((arg) => arg ?? undefined))`,
    )) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.close();
  }
}
