/** What the test uses of autocannon 9, which has no types of its own. */
declare module "autocannon" {
  /** A request as it is sent. */
  interface Sent {
    readonly method: "GET" | "POST";
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
  }
  /** A request that is made anew each time. */
  interface Made {
    readonly setupRequest: (defaults: Sent) => Sent;
    readonly onResponse: (status: number, body: string) => void;
  }
  /** A connection, which sends a request as soon as it has the answer to the one before. */
  interface Connection {
    setRequests(requests: readonly Made[]): void;
  }
  interface Options {
    readonly url: string;
    readonly connections: number;
    /** In seconds. */
    readonly duration: number;
    /** In seconds, for one request. */
    readonly timeout: number;
    /** After so many errors of connections it gives up. */
    readonly bailout: number;
    /** Is called before a connection is opened. */
    readonly setupClient: (connection: Connection) => void;
  }
  export default function autocannon(options: Options): Promise<unknown>;
}
