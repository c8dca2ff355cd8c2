import { spawn } from "node:child_process";
import { finished, MAIN, type Result } from "./run.ts";

export const JSON_TYPE: Record<string, string> = { "content-type": "application/json" };

/** A process that serves. */
export interface Serving {
  readonly address: string;
  readonly pid: number;
  embed(body: object, init?: RequestInit): Promise<Response>;
  metrics(): Promise<string>;
  /** Sends it a signal; resolves when it has ended. */
  end(signal: NodeJS.Signals): Promise<Result>;
}

/** The command as a process that serves at a port that is free; `end` sends it a signal. */
export async function serve(args: readonly string[], env: Record<string, string> = {}): Promise<Serving> {
  const child = spawn(process.execPath, [MAIN, "serve", ...args], { env: { ...process.env, PORT: "0", ...env } });
  const result = finished(child);
  const printed = new Promise<string>((resolve) => child.stdout.once("data", (text) => resolve(String(text).trim())));
  const early = result.then(({ stderr }) => Promise.reject(new Error(stderr)));
  early.catch(() => {});
  const address = await Promise.race([printed, early]);
  return {
    address,
    pid: child.pid as number,
    embed: (body: object, init: RequestInit = {}) =>
      fetch(`${address}embed`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body), ...init }),
    metrics: async () => (await fetch(`${address}metrics`)).text(),
    end: (signal: NodeJS.Signals): Promise<Result> => {
      child.kill(signal);
      return result;
    },
  };
}
