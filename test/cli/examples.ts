import { readdirSync, readFileSync } from "node:fs";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { HubServer } from "../hub/server.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { plainbert } from "./run.ts";

/** What the examples of the help pages name: models and texts in a folder, and a hub. */
export async function exampleWorld(folder: string): Promise<HubServer> {
  const heads = new URL("../pipelines/reference/heads/", import.meta.url);
  const models = {
    sentiment: "nli",
    ner: "ner",
    squad: "qa",
    nli: "nli",
    choice: "multiple_choice",
    reranker: "one_label",
  };
  for (const [name, head] of Object.entries(models)) {
    await cp(new URL(head, heads), join(folder, name), { recursive: true });
  }
  const old = new URL("../pytorch/reference/old/", import.meta.url);
  await cp(old, join(folder, "downloaded"), { recursive: true });
  await cp(new URL("../reference/tiny/config.json", import.meta.url), join(folder, "downloaded", "config.json"));
  for (const name of ["reviews", "book", "emma", "queries", "lines"]) {
    await writeFile(join(folder, `${name}.txt`), "Emma lived at Hartfield.\nShe was rich.\n");
  }
  await plainbert(["index", "book.txt", "--output", "texts.safetensors"], { cwd: folder });
  const hub = await HubServer.start();
  const names = readdirSync(WEIGHTS).filter((name) => name.includes(".")); // not the recipe's folder
  const files = names.map((name) => [name, readFileSync(join(WEIGHTS, name))] as const);
  hub.add("google-bert/bert-base-cased", Object.fromEntries(files));
  return hub;
}

/** The command lines on a help page. */
export function examplesOf(page: string): string[] {
  return Array.from(page.matchAll(/^ {4}\$ (.+)$/gm), ([, line]) => line);
}

/** The pages: of the command itself, "", and of each sub-command. */
export const PAGES: readonly string[] = ["", ...Object.keys(COMMANDS)];

export async function helpOf(command: string): Promise<string> {
  return (await plainbert([command, "--help"].filter(Boolean))).stdout;
}
