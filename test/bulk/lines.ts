import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { seeded } from "../support/seeded.ts";

const WHO = "The old man,My sister,A tired clerk,The captain,Our neighbour,The young doctor,Nobody,Her brother".split(
  ",",
);
const DID = "carried,forgot,found,painted,sold,wanted,hid,brought,repaired,lost,described,counted".split(",");
const WHAT = "the letters,a wooden box,two horses,the broken clock,some bread,her blue coat,a map,the keys".split(",");
const WHERE = "by the river,in the kitchen,near the station,behind the church,at sea,under the bridge".split(",");
const WHEN = "before the rain,every morning,last winter,after supper,on Sunday,during the long night".split(",");

/** The line that kills the worker which reads it: `killedByLine.mjs`. */
const KILLER = "This line kills its worker.";

/** A line that cannot be embedded, and what the reason of its dead letter says. */
export interface BadLine {
  readonly line: number;
  readonly bytes: Buffer;
  readonly reason: RegExp;
}

/** So many distinct lines of one to three sentences, the same in every run. */
export function* distinctLines(count: number): Generator<string> {
  const random = seeded(7);
  const one = (words: readonly string[]) => words[random(words.length)];
  for (let n = 1; n <= count; n++) {
    const sentences = Array.from(
      { length: 1 + random(3) },
      () => `${one(WHO)} ${one(DID)} ${one(WHAT)} ${one(WHERE)} ${one(WHEN)}.`,
    );
    yield `Page ${n}. ${sentences.join(" ")}`;
  }
}

/** Where lines that cannot be embedded stand in place of others. */
export function badLines(count: number): BadLine[] {
  const at = (share: number) => Math.floor(share * count) + 1;
  return [
    { line: at(0.1), bytes: Buffer.from(KILLER), reason: /^3 workers were lost with it$/ },
    { line: at(0.3), bytes: Buffer.from("a NUL \0 in it"), reason: /invalid byte sequence for encoding "UTF8": 0x00/ },
    { line: at(0.5), bytes: Buffer.from([0x61, 0xff, 0x62]), reason: /^it is no UTF-8$/ },
    { line: at(0.7), bytes: Buffer.alloc(70_000, "long "), reason: /^it is longer than 65536 bytes$/ },
    { line: at(0.7) + 1, bytes: Buffer.from("\0"), reason: /invalid byte sequence for encoding "UTF8": 0x00/ },
  ];
}

export async function writeLines(file: string, count: number, bad: readonly BadLine[]): Promise<void> {
  const instead = new Map(bad.map(({ line, bytes }) => [line, bytes]));
  const out = createWriteStream(file);
  let line = 1;
  for (const text of distinctLines(count)) {
    const bytes = Buffer.concat([instead.get(line++) ?? Buffer.from(text), Buffer.from("\n")]);
    if (!out.write(bytes)) await once(out, "drain");
  }
  out.end();
  await once(out, "close");
}
