import type { ExplorerResult } from "../explorerResult.ts";
import { KINDS, liftOf, meanOf, NEEDLE_NAMES, type Needle, type Tally } from "../needles.ts";
import type { Scene, Shape } from "../scene.ts";
import type { ExplorerState } from "../state.ts";
import { labelOf } from "./label.ts";

/** A head's number and how many times that of an even row it is; null: it has none. */
export interface Badge {
  readonly mean: number | null;
  readonly lift: number | null;
}

/** A head with its number in this text, and in the profile's texts; null: there is no profile of the model. */
export interface RankedHead {
  readonly layer: number;
  readonly head: number;
  readonly own: Badge;
  readonly profile: Badge | null;
}

/** The badges of a model in many texts, by needle, [L, A]. */
export interface Profile {
  /** Of the model. */
  readonly fingerprint: string;
  readonly passages: number;
  readonly tokens: number;
  readonly badges: Readonly<Record<Needle, readonly (readonly Badge[])[]>>;
}

/** How many heads the picture has; the table has all. */
export const MOST_HEADS = 16;
/** Pixels of a row, of the heading, of the names, of a number's column, and of a bar's thickness. */
const [ROW, HEADING, COLUMN, BAR] = [40, 26, 62, 4];

/** A tally as it is shown. */
const badgeOf = (tally: Tally): Badge => ({ mean: meanOf(tally), lift: liftOf(tally) });

/** Where a row begins, and how high it is. */
export const headRow = (n: number): { readonly y: number; readonly height: number } => ({
  y: HEADING + n * ROW,
  height: ROW,
});

/** Every head, the one that does most of it first; of entropy and distance the least first. */
export function rankedHeads(
  tallies: readonly (readonly Tally[])[],
  profile: Profile | null,
  needle: Needle,
): RankedHead[] {
  const sign = needle === "entropy" || needle === "distance" ? -1 : 1;
  const all = tallies.flatMap((own, layer) =>
    own.map((tally, head) => {
      return { layer, head, own: badgeOf(tally), profile: profile?.badges[needle][layer][head] ?? null };
    }),
  );
  return all.sort((a, b) => sign * ((b.own.mean ?? -1) - (a.own.mean ?? -1)));
}

/** Every head by the probability of the picked key in the picked query's row. */
export function rankedByPair({ attentions, heads, tokens }: ExplorerResult, query: number, key: number): RankedHead[] {
  const T = tokens.length;
  const all = attentions.flatMap((data, layer) =>
    Array.from({ length: heads }, (_, head) => {
      const mean = data[(head * T + query) * T + key];
      return { layer, head, own: { mean, lift: T * mean }, profile: null };
    }),
  );
  return all.sort((a, b) => b.own.mean - a.own.mean);
}

/** A mean as it is written. */
export const written = (mean: number | null): string => (mean === null ? "–" : mean.toFixed(3));
/** How many times an even row's it is. */
export const times = (lift: number | null): string => (lift === null ? "" : `×${lift.toFixed(lift < 10 ? 2 : 1)}`);

const nameOf = ({ layer, head }: Pick<RankedHead, "layer" | "head">): string => `layer ${layer + 1}, head ${head + 1}`;

/** What is told of the profile, in a sentence. */
const profileSentence = (profile: Profile | null): string =>
  profile
    ? `“profile”, the thin bar, is the same of ${profile.passages} held-out passages, ${profile.tokens} tokens together.`
    : "There is no profile of this model: one sentence is one example.";

const LIFT = "× is how many times that of an even row, 1/T everywhere, it is.";
/** What a bar is, and a thin one. */
const BARS = "A full bar is 1; of entropy ln T, of distance T, the number of tokens.";

/** What a needle's number is, in a sentence. */
function needleSentence(needle: ExplorerState["needle"]): string {
  if (needle === "distance") return "The number is the mean distance, in tokens, from query to key, by probability.";
  if (needle === "entropy")
    return "The number is the mean entropy of a row, in nats; × is its share of ln T, the most it can be.";
  if (needle === "pair") return "The number is the probability of the picked key in the picked query's row.";
  return `The number is the mean probability of ${NEEDLE_NAMES[needle]}, over the rows of tokens that have such a key.`;
}

/** The heads that do most of what is looked for. @param width pixels that there are */
export function headsPicture(
  order: readonly RankedHead[],
  needle: ExplorerState["needle"],
  profile: Profile | null,
  width = 480,
): Scene {
  const shown = order.slice(0, MOST_HEADS);
  const cut =
    shown.length < order.length ? [`${shown.length} of ${order.length} heads are shown; Numbers has all.`] : [];
  const direction = needle === "entropy" || needle === "distance" ? "The smallest first." : "The largest first.";
  return {
    ...{ title: `Heads by ${NEEDLE_NAMES[needle]}`, width, height: HEADING + shown.length * ROW },
    legend: [
      needleSentence(needle),
      ...(needle === "entropy" ? [] : [LIFT]),
      BARS,
      direction,
      ...cut,
      ...(needle === "pair" ? [] : [profileSentence(profile)]),
    ],
    shapes: badgeRows(
      shown.map((one) => ({ name: nameOf(one), ...one, tap: needle, at: [one.layer, one.head] })),
      width,
      needle === "pair" ? null : profile,
    ),
  };
}

/** What one head does, by needle. @param width pixels that there are */
export function badgePicture(
  tallies: Readonly<Record<Needle, Tally>>,
  { layer, head }: { readonly layer: number; readonly head: number },
  profile: Profile | null,
  width = 480,
): Scene {
  const rows = KINDS.map((needle) => ({
    ...{ name: NEEDLE_NAMES[needle], own: badgeOf(tallies[needle]), tap: needle, at: [layer, head] },
    profile: profile?.badges[needle][layer][head] ?? null,
  }));
  return {
    ...{ title: `What layer ${layer + 1}, head ${head + 1} looks at`, width, height: HEADING + rows.length * ROW },
    legend: [
      "Numbers are means over the rows that have such a key; – where there is none.",
      LIFT,
      BARS,
      "Distance is in tokens; entropy in nats, its × the share of ln T.",
      profileSentence(profile),
    ],
    shapes: badgeRows(rows, width, profile),
  };
}

interface BadgeRow {
  readonly name: string;
  readonly own: Badge;
  readonly profile: Badge | null;
  readonly tap: string;
  readonly at: readonly number[];
}

/** Rows of a name, a mean, its lift, and those of the profile. */
function badgeRows(rows: readonly BadgeRow[], width: number, profile: Profile | null): Shape[] {
  const columns = profile ? 4 : 2;
  const column = Math.min(COLUMN, Math.floor((width - 110) / columns));
  const rightOf = (m: number) => width - (columns - 1 - m) * column;
  const text = (x: number, y: number, words: string, tone: "plain" | "quiet"): Shape => ({
    ...{ kind: "text", x, y, text: words, align: "right", tone },
  });
  const headings = ["here", "", ...(profile ? ["profile", ""] : [])];
  return [
    ...headings.flatMap((words, m) => (words === "" ? [] : [text(rightOf(m), 14, words, "quiet")])),
    ...rows.flatMap(({ name, own, profile: many, tap, at }, n): Shape[] => {
      const y = HEADING + n * ROW;
      const bar = { x: 0, y: y + 26, width: width * shareOf(tap, own), height: BAR };
      const thin = { ...bar, y: y + 26 + BAR + 1, width: many ? width * shareOf(tap, many) : 0, height: 2 };
      const numbers = [
        written(own.mean),
        times(own.lift),
        ...(profile ? [written(many?.mean ?? null), times(many?.lift ?? null)] : []),
      ];
      return [
        { kind: "text", x: 0, y: y + 18, text: labelOf(name, rightOf(0) - 44), align: "left", tone: "plain" },
        ...numbers.flatMap((words, m) =>
          words === "" ? [] : [text(rightOf(m), y + 18, words, m === 0 ? "plain" : "quiet")],
        ),
        { kind: "rule", ...bar, width, tone: "faint" },
        ...(own.mean === null ? [] : [{ kind: "bar", ...bar, value: own.mean, ref: { tap, at } } as const]),
        ...(many ? [{ kind: "rule", ...thin, tone: "quiet" } as const] : []),
      ];
    }),
  ];
}

/** How much of a bar is filled: a mean's own; of entropy its share of ln T; of distance that of T, three even rows'. */
function shareOf(tap: string, { mean, lift }: Badge): number {
  const share = tap === "entropy" ? lift : tap === "distance" ? (lift ?? 0) / 3 : mean;
  return Math.min(1, share ?? 0);
}
