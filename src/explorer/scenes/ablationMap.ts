/** The heads of a model, each with what an answer loses or gains when that head alone is switched off. */
import type { HeadAt } from "../effects/choices.ts";
import type { Effect, EffectAnswer } from "../effects/outputAnswers.ts";
import type { Measure } from "../effects/subjects.ts";
import type { Scene, Shape } from "../scene.ts";
import { changeOf, coloursOf, endOf, largestOf, paletteOf, strengthOf, watchedOf, written } from "./effectScale.ts";

/** Pixels of the names of layers and heads, of a cell's height, of the words below it, and between cells. */
const [NAMES, COLOUR, WORDS, GAP] = [26, 22, 22, 6];
/** Pixels from cell to cell: the fewest, the most, and the fewest with a number. */
const [LEAST, MOST, WITH_NUMBER] = [28, 88, 66];

/** What the map shows. */
export interface Ablation {
  readonly layers: number;
  readonly heads: number;
  /** With all heads; null: it has not come. */
  readonly untouched: Effect | null;
  /** With one head off, by layer and head; null: it has not come. */
  readonly effects: readonly (Effect | null)[];
  /** Those that are off now. */
  readonly off: readonly HeadAt[];
  /** What the numbers are. */
  readonly measure: Measure;
}

/** Where the cell of a head and its words are. */
export function ablationCell(
  heads: number,
  width: number,
): (
  layer: number,
  head: number,
) => {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
} {
  const across = Math.max(LEAST, Math.min(MOST, Math.floor((width - NAMES) / heads)));
  return (layer, head) => ({
    ...{ x: NAMES + head * across, y: NAMES + layer * (COLOUR + WORDS + GAP) },
    ...{ width: across - GAP, height: COLOUR + WORDS },
  });
}

/** @param width pixels that there are; the map of many heads is wider */
export function ablationMap(shown: Ablation, width = 800): Scene {
  const { layers, heads, untouched, effects, off, measure } = shown;
  const cell = ablationCell(heads, width);
  const across = cell(0, 0).width + GAP;
  const watched = watchedOf(untouched);
  const changes = effects.map((effect) => watched && changeOf(untouched, effect, watched.id));
  const [most, palette] = [largestOf(changes), paletteOf(measure)];
  const isOff = (layer: number, head: number) => off.some((one) => one[0] === layer && one[1] === head);
  const shapes = Array.from({ length: layers * heads }, (_, n): Shape[] => {
    const [layer, head] = [Math.floor(n / heads), n % heads];
    const { x, y, width: side } = cell(layer, head);
    const change = changes[n] ?? null;
    const number = across < WITH_NUMBER || change === null ? "" : written(change);
    const text = isOff(layer, head) ? `✕ ${number}`.trim() : number;
    const tone = isOff(layer, head) ? "accent" : "plain";
    const words: Shape = { kind: "text", x: x + side / 2, y: y + COLOUR + 15, text, align: "center", tone };
    const [values, strengths] = [change ?? 0, strengthOf(change ?? 0, most, palette)].map((one) =>
      Float32Array.of(one),
    );
    const colour: Shape =
      change === null
        ? { kind: "rule", x, y, width: side, height: COLOUR, tone: "faint" }
        : {
            ...{ kind: "matrix", x, y, cell: side, height: COLOUR, palette, rows: 1, columns: 1 },
            ...{ values, strengths, ref: () => ({ tap: measure.name, at: [layer, head] }) },
          };
    return text === "" ? [colour] : [colour, words];
  });
  const cells = shapes.flat();
  return {
    ...{ title: "Each head alone switched off", width: NAMES + heads * across, palette },
    height: NAMES + layers * (COLOUR + WORDS + GAP),
    legend: legendOf(shown, watched),
    ...(cells.some(({ kind }) => kind === "matrix") && { brightest: endOf(most) }),
    shapes: [...namesOf(layers, heads, cell), ...cells],
  };
}

function legendOf({ effects, measure }: Ablation, watched: EffectAnswer | null): string[] {
  const come = effects.filter(Boolean).length;
  return [
    "Layers from top to bottom, heads from left to right.",
    ...(watched ? coloursOf(watched, measure) : []),
    "✕: switched off now.",
    ...(come < effects.length ? [`${come} of ${effects.length} heads are computed.`] : []),
  ];
}

function namesOf(layers: number, heads: number, cell: ReturnType<typeof ablationCell>): Shape[] {
  const name = (x: number, y: number, text: number, align: "right" | "center"): Shape => ({
    ...{ kind: "text", x, y, text: String(text), align, tone: "quiet" },
  });
  return [
    ...Array.from({ length: layers }, (_, layer) => name(NAMES - 8, cell(layer, 0).y + 16, layer + 1, "right")),
    ...Array.from({ length: heads }, (_, head) => {
      const { x, width } = cell(0, head);
      return name(x + width / 2, NAMES - 8, head + 1, "center");
    }),
  ];
}
