import { Agent } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Target } from "./clients.ts";
import { ask } from "./httpClient.ts";
import type { ServedProcess } from "./servedProcess.ts";

/** How a service ended while it was asked. */
export interface Ending {
  /** Requests that were on their way when the signal was sent. */
  readonly inFlight: number;
  /** Of these: those that got their answer, and those that got 503, as they came after the signal. */
  readonly answered: number;
  readonly refused: number;
  /** 0 if all went well. */
  readonly status: number | string | null;
}

/** Clients ask one request after the other; then SIGTERM. What was sent before must be answered. */
export async function endUnderLoad(service: ServedProcess, { draw, tally }: Target, clients: number): Promise<Ending> {
  const agent = new Agent({ keepAlive: true });
  let isSignalled = false;
  let sending = 0;
  const ending = { inFlight: 0, answered: 0, refused: 0 };
  const client = async () => {
    while (!isSignalled) {
      const asked = draw();
      const sent = performance.now();
      sending++;
      try {
        const { status, body } = await ask(agent, service.address, asked);
        if (isSignalled && status === 503) ending.refused++;
        else tally.answered(asked, status, body, performance.now() - sent);
        if (isSignalled && status !== 503) ending.answered++;
      } catch (error) {
        tally.lost(asked, String(error));
      } finally {
        sending--;
      }
    }
  };
  const asking = Array.from({ length: clients }, client);
  await pause(2000);
  isSignalled = true;
  ending.inFlight = sending;
  const status = await service.terminate();
  await Promise.all(asking);
  agent.destroy();
  return { ...ending, status };
}
