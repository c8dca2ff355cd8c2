import type { Asked } from "./requests.ts";

/** What has become of requests. */
export interface Counts {
  /** Answered, and as the library answers, or refused as they must be. */
  right: number;
  /** Answered otherwise. */
  wrong: number;
  /** Another status than they must have. */
  unexpected: number;
  /** Refused with 429 while more was asked than the service takes at once. */
  overloaded: number;
  /** Neither answered nor given up. */
  lost: number;
  /** Given up by the client. */
  givenUp: number;
}

/** Of the faults that are found so many are described. */
const DESCRIBED = 20;

/** Counts what becomes of requests, and compares the answers. */
export class Tally {
  readonly counts: Counts = { right: 0, wrong: 0, unexpected: 0, overloaded: 0, lost: 0, givenUp: 0 };
  readonly faults: string[] = [];
  /** Milliseconds until each answer with status 200. */
  latencies: number[] = [];
  /** Whether more is asked now than the service takes at once, so that it may refuse. */
  mayRefuse = false;

  answered(asked: Asked, status: number, body: string, milliseconds: number): void {
    if (status === 200) this.latencies.push(milliseconds);
    if (status === 429 && this.mayRefuse) {
      this.counts.overloaded++;
    } else if (!asked.statuses.includes(status)) {
      this.counts.unexpected++;
      this.describe(`status ${status}`, asked, body);
    } else if (!isRight(asked, body)) {
      this.counts.wrong++;
      this.describe("wrong", asked, body);
    } else {
      this.counts.right++;
    }
  }

  lost(asked: Asked, reason: string): void {
    this.counts.lost++;
    this.describe(`lost: ${reason}`, asked, "");
  }

  private describe(what: string, { path, body = "" }: Asked, answer: string): void {
    if (this.faults.length < DESCRIBED) {
      this.faults.push(`${path} ${what}: ${body.slice(0, 200)} → ${answer.slice(0, 200)}`);
    }
  }
}

function isRight(asked: Asked, body: string): boolean {
  try {
    return asked.isRight(body);
  } catch {
    return false;
  }
}
