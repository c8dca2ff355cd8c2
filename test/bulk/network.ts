import { execFileSync } from "node:child_process";

const BRIDGE = "plainbert0";

/** The address at which the machine's own services are reached from every namespace. */
export const HOST = "10.213.7.1";
export const NETWORK = "10.213.7.0/24";

/**
 * Network namespaces, each with an address of its own on one bridge: for the programs in them, machines of their own.
 * Needs root and Linux.
 */
export class Network implements Disposable {
  private readonly count: number;

  constructor(count: number) {
    this.count = count;
    this[Symbol.dispose](); // what a run that was killed has left
    ip(`link add ${BRIDGE} type bridge`);
    ip(`addr add ${HOST}/24 dev ${BRIDGE}`);
    ip(`link set ${BRIDGE} up`);
    for (let n = 1; n <= count; n++) {
      ip(`netns add ${nameOf(n)}`);
      ip(`link add ${cableOf(n)} type veth peer name eth0 netns ${nameOf(n)}`);
      ip(`-n ${nameOf(n)} addr add ${this.addressOf(n)}/24 dev eth0`);
      ip(`-n ${nameOf(n)} link set eth0 up`);
      ip(`-n ${nameOf(n)} link set lo up`);
      ip(`link set ${cableOf(n)} up`);
      this.join(n);
    }
  }

  addressOf(n: number): string {
    return HOST.replace(/\d+$/, String(10 + n));
  }

  /** The command that runs another in a namespace. */
  inside(n: number): string[] {
    return ["ip", "netns", "exec", nameOf(n)];
  }

  /** From now on what the namespace sends is lost, without a word; as with a cable that is pulled in between. */
  cut(n: number): void {
    ip(`link set ${cableOf(n)} nomaster`);
  }

  join(n: number): void {
    ip(`link set ${cableOf(n)} master ${BRIDGE}`);
  }

  [Symbol.dispose](): void {
    for (let n = 1; n <= this.count; n++) ip(`netns del ${nameOf(n)}`, "may fail");
    ip(`link del ${BRIDGE}`, "may fail");
  }
}

const nameOf = (n: number) => `plainbert${n}`;
const cableOf = (n: number) => `plainbert-${n}`;

function ip(args: string, failing?: "may fail"): void {
  try {
    execFileSync("ip", args.split(" "), { stdio: ["ignore", "ignore", failing ? "ignore" : "inherit"] });
  } catch (error) {
    if (!failing) throw error;
  }
}
