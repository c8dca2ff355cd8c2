import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Services } from "../../examples/bulk-embedding/services.ts";

/** PostgreSQL and Redis by their own clients, which share nothing with those of the example. */
export class Database {
  private readonly services: Services;

  constructor(services: Services) {
    this.services = services;
  }

  /** What a query gives, fields of a row with "|" between them; null while the database is away. */
  async ask(query: string): Promise<string | null> {
    const [command, args] = this.psql(query);
    return promisify(execFile)(command, args).then(
      ({ stdout }) => stdout.trim(),
      () => null,
    );
  }

  /** As `ask`, for a number; NaN while the database is away, or has no table. */
  async number(query: string): Promise<number> {
    return Number((await this.ask(query)) ?? Number.NaN);
  }

  /** The rows of a query one by one, fields with "|" between them. @throws Error psql fails */
  async *rows(query: string): AsyncGenerator<string> {
    const [command, args] = this.psql(query);
    const child = spawn(command, ["-v", "FETCH_COUNT=1000", ...args], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "close");
    yield* createInterface({ input: child.stdout });
    const [code] = await ended;
    if (code !== 0) throw new Error(`psql: exit code ${code}`);
  }

  /** A figure of Redis, by its name in INFO. */
  async redis(name: string): Promise<number> {
    return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(await this.redisCli("info"))?.[1]);
  }

  async waitingBlocks(): Promise<number> {
    return Number(await this.redisCli("llen", "bull:plainbert-blocks:wait"));
  }

  private async redisCli(...command: readonly string[]): Promise<string> {
    const { redisPort } = this.services.place;
    return (await promisify(execFile)("redis-cli", ["-p", String(redisPort), ...command])).stdout;
  }

  private psql(query: string): [string, string[]] {
    return [join(this.services.bin, "psql"), ["-XAtq", this.services.addresses().DATABASE_URL, "-c", query]];
  }
}
