import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Site } from "../browser/site.ts";
import { type Found, Place } from "./place.ts";

/**
 * A route handler with `output: "standalone"`, started in an empty folder: as it is, and, where that is not everything, with
 * `serverExternalPackages: ["plainbert"]`.
 *
 * @param name    the program's folder
 * @param bundler the flag that chooses it; the default of this version if left out
 */
export async function standalone(name: string, ...bundler: string[]): Promise<{ asItIs: Found; after?: Found }> {
  const place = new Place(name);
  const asItIs = await built(place, bundler, {});
  if (Object.values(asItIs).every((cell) => cell === "works")) return { asItIs };
  return { asItIs, after: await built(place, bundler, { EXTERNAL: "1" }) };
}

/** What the edge runtime of Next.js answers. It has no files: the program's own model is on a server. */
export async function edge(name: string, ...bundler: string[]): Promise<{ asItIs: Found }> {
  const place = new Place(name);
  const route = "app/answer/route.js";
  place.write(route, `export const runtime = "edge";\n${readFileSync(place.path(route), "utf8")}`);
  await using site = await Site.start({ "/models/": join(place.model, "..") });
  return { asItIs: await built(place, bundler, {}, `${site.origin}/models/nli/`) };
}

const TELEMETRY = { NEXT_TELEMETRY_DISABLED: "1" };

async function built(
  place: Place,
  bundler: readonly string[],
  env: NodeJS.ProcessEnv,
  model: string = place.model,
): Promise<Found> {
  rmSync(place.path(".next"), { recursive: true, force: true });
  place.run("next", ["build", ...bundler], { ...TELEMETRY, ...env });
  const empty = mkdtempSync(join(tmpdir(), "plainbert-standalone-"));
  try {
    cpSync(place.path(".next", "standalone"), empty, { recursive: true, verbatimSymlinks: true });
    return await answerOf(empty, model);
  } finally {
    rmSync(empty, { recursive: true });
  }
}

/** Starts the server in a folder, and asks it once. */
async function answerOf(cwd: string, model: string): Promise<Found> {
  const env = {
    ...process.env,
    PORT: "0",
    HOSTNAME: "127.0.0.1",
    NODE_OPTIONS: "",
    NODE_ENV: "production" as const,
    MODEL: model,
  };
  const server = spawn("node", ["server.js"], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  try {
    let printed = "";
    const port = await new Promise<string>((resolve, reject) => {
      for (const stream of [server.stdout, server.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          printed += text;
          const found = /127\.0\.0\.1:(\d+)/.exec(printed);
          if (found) resolve(found[1]);
        });
      }
      server.on("exit", (code) => reject(new Error(`the server ended with exit code ${code}\n${printed}`)));
    });
    const response = await fetch(`http://127.0.0.1:${port}/answer`);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`status ${response.status}\n${text}\n${printed}`);
    return JSON.parse(text);
  } finally {
    server.kill();
  }
}
