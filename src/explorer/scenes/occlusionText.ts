/** A text as words, each with what an answer loses or gains when that word is taken away. */

import type { UnitKind } from "../effects/choices.ts";
import type { Effect, EffectAnswer } from "../effects/outputAnswers.ts";
import type { Measure } from "../effects/subjects.ts";
import type { Unit } from "../effects/units.ts";
import type { ExplorerToken } from "../explorerResult.ts";
import type { Scene, Shape } from "../scene.ts";
import { changeOf, coloursOf, endOf, largestOf, paletteOf, strengthOf, watchedOf, written } from "./effectScale.ts";
import { labelOf } from "./label.ts";

/** Pixels of a line, of the colour below a word, between words, of a character, and of a number. */
const [LINE, COLOUR, GAP, CHARACTER, NUMBER] = [62, 10, 10, 7.8, 48];

/** What the text shows. */
export interface OccludedText {
  readonly tokens: readonly ExplorerToken[];
  /** Words or tokens, and what one is called. */
  readonly units: readonly Unit[];
  readonly kind: UnitKind;
  /** With the whole text; null: it has not come. */
  readonly untouched: Effect | null;
  /** Without each unit; null: it has not come, or the unit stays. */
  readonly effects: readonly (Effect | null)[];
  /** The unit that is picked; null: none. */
  readonly picked: number | null;
  /** What the numbers are. */
  readonly measure: Measure;
}

/** Where a word is, its colour and number below it. */
export interface WordPlace {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The places of words, line by line; the second text begins a line. */
export function wordPlaces(
  { tokens, units }: Pick<OccludedText, "tokens" | "units">,
  width: number,
): { readonly places: WordPlace[]; readonly height: number } {
  let [x, y] = [0, 0];
  const places = units.map(({ name, positions: [first], isOpen }): WordPlace => {
    const room = Math.ceil([...name].length * CHARACTER) + 4;
    const own = Math.min(width, Math.max(room, isOpen ? NUMBER : 0));
    const isOfB = first > 0 && tokens[first].segment !== tokens[first - 1].segment;
    if (x > 0 && (isOfB || x + own > width)) [x, y] = [0, y + LINE];
    const place = { x, y, width: own, height: LINE - 8 };
    x += own + GAP;
    return place;
  });
  return { places, height: y + LINE };
}

/** @param width pixels that there are */
export function occlusionText(shown: OccludedText, width = 800): Scene {
  const { units, untouched, effects, picked, measure } = shown;
  const { places, height } = wordPlaces(shown, width);
  const watched = watchedOf(untouched);
  const changes = effects.map((effect) => watched && changeOf(untouched, effect, watched.id));
  const [most, palette] = [largestOf(changes), paletteOf(measure)];
  const shapes = units.flatMap(({ name, isOpen, positions }, n): Shape[] => {
    const { x, y, width: own } = places[n];
    const tone = picked === n ? "accent" : isOpen ? "plain" : "quiet";
    const word: Shape = { kind: "text", x, y: y + 16, text: labelOf(name, own), align: "left", tone };
    if (!isOpen) return [word];
    const change = changes[n];
    const number = effects[n] ? written(change) : "";
    const box = { x, y: y + 24, height: COLOUR };
    const [values, strengths] = [change ?? 0, strengthOf(change ?? 0, most, palette)].map((one) =>
      Float32Array.of(one),
    );
    return [
      word,
      change === null
        ? { kind: "rule", ...box, width: own, tone: "faint" }
        : {
            ...{ kind: "matrix", ...box, cell: own, palette, rows: 1, columns: 1, values, strengths },
            ref: () => ({ tap: measure.name, at: [...positions] }),
          },
      ...(number === "" ? [] : [{ kind: "text", x, y: y + 50, text: number, align: "left", tone: "quiet" } as const]),
    ];
  });
  return {
    ...{ title: `Each ${shown.kind} taken away alone`, width, height, palette, shapes },
    legend: legendOf(shown, watched),
    ...(shapes.some(({ kind }) => kind === "matrix") && { brightest: endOf(most) }),
  };
}

function legendOf({ units, kind, effects, measure }: OccludedText, watched: EffectAnswer | null): string[] {
  const open = units.filter(({ isOpen }) => isOpen).length;
  const come = effects.filter(Boolean).length;
  return [
    ...(watched ? coloursOf(watched, measure) : []),
    `A ${kind} without a colour stays: [CLS], [SEP] and what is hidden.`,
    ...(come < open ? [`${come} of ${open} ${kind}s are computed.`] : []),
  ];
}
