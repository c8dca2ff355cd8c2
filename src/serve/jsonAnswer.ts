import { isA } from "../realm.ts";
import { shortest } from "../tensor/shortest.ts";
import type { Share } from "./heldMemory.ts";

/** An answer is written in pieces of about so many characters; one that is a single piece has a length. */
const PIECE = 1 << 16;

const UTF_8 = new TextEncoder();

/**
 * An answer in JSON, in which a `Float32Array` is a list of the shortest numbers that are its own. A long one is
 * written piece by piece, as fast as it is read: as text it would take three times the memory of its numbers.
 *
 * @param share ends when the answer is read, or given up
 */
export function jsonAnswer(value: unknown, headers: Readonly<Record<string, string>>, share: Share): Response {
  const pieces = jsonPieces(value);
  const first = pieces.next().value ?? "";
  let next = pieces.next();
  if (next.done) {
    share.end();
    return whole(first, 200, headers);
  }
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(UTF_8.encode(first)),
      pull(controller) {
        if (next.done) {
          share.end();
          return controller.close();
        }
        controller.enqueue(UTF_8.encode(next.value));
        next = pieces.next();
      },
      cancel: () => share.end(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "application/json", ...headers } });
}

/** A short answer. */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return whole(JSON.stringify(value), status, headers);
}

/** An answer that is written as a whole. */
function whole(text: string, status: number, headers: Readonly<Record<string, string>>): Response {
  const body = UTF_8.encode(text);
  const length = String(body.length);
  return new Response(body, {
    status,
    headers: { "content-type": "application/json", "content-length": length, ...headers },
  });
}

function* jsonPieces(value: unknown): Generator<string, undefined> {
  let piece = "";
  for (const part of partsOf(value)) {
    piece += part;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

/** Lists entry by entry, and objects value by value where they have such lists. */
function* partsOf(value: unknown): Generator<string> {
  const isList = Array.isArray(value);
  if (isA(value, "Float32Array")) {
    yield JSON.stringify(Array.from(value, shortest));
  } else if (isList || (typeof value === "object" && value !== null && Object.values(value).some(isLong))) {
    yield isList ? "[" : "{";
    let comma = "";
    for (const [name, one] of Object.entries(value)) {
      yield isList ? comma : `${comma}${JSON.stringify(name)}:`;
      yield* partsOf(one);
      comma = ",";
    }
    yield isList ? "]" : "}";
  } else {
    yield JSON.stringify(value);
  }
}

function isLong(value: unknown): boolean {
  return Array.isArray(value) || isA(value, "Float32Array");
}
