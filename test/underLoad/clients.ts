import { Agent } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import autocannon from "autocannon";
import { ask } from "./httpClient.ts";
import type { Asked } from "./requests.ts";
import type { Tally } from "./tally.ts";

/** Seconds: a request that has no answer by then is lost. */
const PATIENCE = 300;

/** What clients ask, and where. */
export interface Target {
  readonly address: string;
  readonly draw: () => Asked;
  readonly tally: Tally;
}

/** So many connections of autocannon, each of which sends the next request as soon as it has an answer. */
export async function steadyClients(
  { address, draw, tally }: Target,
  connections: number,
  seconds: number,
): Promise<void> {
  const clients: { asked: Asked | null }[] = [];
  await autocannon({
    url: address,
    connections,
    duration: seconds,
    timeout: PATIENCE,
    bailout: 1000, // the service has gone
    setupClient(connection) {
      const client: { asked: Asked | null } = { asked: null };
      clients.push(client);
      let sent = 0;
      const setupRequest = (defaults: object) => {
        if (client.asked !== null) tally.lost(client.asked, "the connection was closed, or the time is up");
        client.asked = draw();
        sent = performance.now();
        const { method, path, headers, body = "" } = client.asked;
        return { ...defaults, method, path, headers: { ...headers }, body };
      };
      const onResponse = (status: number, body: string) => {
        if (client.asked !== null) tally.answered(client.asked, status, body, performance.now() - sent);
        client.asked = null;
      };
      connection.setRequests([{ setupRequest, onResponse }]);
    },
  });
  tally.counts.givenUp += clients.filter(({ asked }) => asked !== null).length; // when the time was over
}

/** The longest that an impatient client waits, in milliseconds. */
const IMPATIENCE = 300;

/** So many clients that give each request up after a moment, most of them before it is answered. */
export async function impatientClients(
  { address, draw, tally }: Target,
  connections: number,
  seconds: number,
  random: (n: number) => number,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  const agent = new Agent(); // a connection that has been idle for seconds may be closed while it is used again
  const client = async () => {
    while (performance.now() < end) {
      const asked = draw();
      const signal = AbortSignal.timeout(random(IMPATIENCE));
      const sent = performance.now();
      try {
        const { status, body } = await ask(agent, address, asked, signal);
        tally.answered(asked, status, body, performance.now() - sent);
      } catch (error) {
        if (signal.aborted) tally.counts.givenUp++;
        else tally.lost(asked, String(error));
      }
      await pause(random(IMPATIENCE));
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
}
