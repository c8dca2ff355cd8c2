import type { HandlerSettings } from "./handlerSettings.ts";
import type { Memory } from "./heldMemory.ts";
import type { Metrics } from "./metrics.ts";
import type { Call, Service } from "./service.ts";

/** The services of a handler with what they do now. */
export interface Running {
  readonly services: readonly Service[];
  /** What holds for all models. */
  readonly settings: HandlerSettings;
  /** Of the only model, else of requests of which it is not known which model they are for. */
  readonly metrics: Metrics;
  /**
   * What has come and is not answered. They are held for their signals: in Node a `Request` that is collected no longer
   * hands on that its client has gone.
   */
  readonly requests: Set<Request>;
  /** Those of them that have been read: so many, and no more, have a place. */
  readonly calls: Set<Call>;
  /** For each request whose body is being read: what refuses it, as there is no time to wait for the rest. */
  readonly reading: Set<() => void>;
  readonly memory: Memory;
  /** The models whose last request failed for the engine's sake. */
  readonly failed: Set<Service>;
  /** Resolves when the last request is answered, once there will be no others; null: there may be. */
  drained: Promise<void> | null;
  /** Is called when no request is left. */
  onIdle: () => void;
}
