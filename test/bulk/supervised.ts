import type { ChildProcess } from "node:child_process";
import { HOST, type Network } from "./network.ts";
import { endOf, type Programs } from "./programs.ts";

const METRICS_PORT = 9464;

/** A worker in a network namespace of its own, which is started again whenever it is gone, as a system's supervisor does. */
export class SupervisedWorker {
  readonly n: number;
  private readonly network: Network;
  private readonly startOne: () => ChildProcess;
  private child: ChildProcess;
  private stopping = false;
  /** Those whose end is wanted. */
  private readonly expected = new Set<ChildProcess>();
  /** How often it was killed by `kill`, and how often it ended by itself, each with how. */
  kills = 0;
  readonly ends: (number | string | null)[] = [];

  constructor(n: number, network: Network, programs: Programs, addresses: Record<string, string>) {
    this.n = n;
    this.network = network;
    const env = {
      ...addresses,
      METRICS_PORT: String(METRICS_PORT),
      METRICS_HOST: "0.0.0.0",
      PLAINBERT_THREADS: "1",
    };
    const args = ["--import", "./killedByLine.mjs", "worker.ts"];
    this.startOne = () => programs.start(network.inside(n), args, env);
    this.child = this.start();
  }

  /** kill -9, whatever it is doing; it is started again. */
  async kill(): Promise<void> {
    if ((await this.endBy("SIGKILL")) === "SIGKILL") this.kills++;
  }

  /** Asks it to end, whatever it is doing; it is started again. @returns how it ended */
  async askToEnd(): Promise<number | string | null> {
    return await this.endBy("SIGTERM");
  }

  /** Asks it to end for good. @returns how it ended */
  async stop(): Promise<number | string | null> {
    this.stopping = true;
    return await this.endBy("SIGTERM");
  }

  /** A figure of its metrics; NaN while it cannot be reached. */
  async metric(name: string): Promise<number> {
    const text = await this.metrics();
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    return line === undefined ? Number.NaN : Number(line.slice(name.length + 1));
  }

  async metrics(): Promise<string> {
    const address = `http://${this.network.addressOf(this.n)}:${METRICS_PORT}/metrics`;
    const signal = AbortSignal.timeout(2000);
    return await fetch(address, { signal }).then(
      (response) => response.text(),
      () => "",
    );
  }

  get pid(): number {
    return this.child.pid!;
  }

  private async endBy(signal: NodeJS.Signals): Promise<number | string | null> {
    const { child } = this;
    this.expected.add(child);
    child.kill(signal);
    return await endOf(child);
  }

  private start(): ChildProcess {
    const child = this.startOne();
    endOf(child).then((how) => {
      if (!this.expected.delete(child)) this.ends.push(how);
      if (!this.stopping) this.child = this.start();
    });
    return child;
  }
}

/** What producers and workers are told, as seen from the namespaces. */
export function addressesFor(services: { addresses(host: string): object }): Record<string, string> {
  return { ...services.addresses(HOST) };
}
