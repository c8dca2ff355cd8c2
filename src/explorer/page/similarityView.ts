/** Which tokens make text A and text B alike. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Inseparable, Similarity } from "../further/similarity.ts";
import type { MatrixShape, Scene } from "../scene.ts";
import { signed } from "../scenes/signed.ts";
import {
  namesOf,
  rankedPairs,
  similarityMatrix,
  strongestPairs,
  sumsOf,
  widthNamed,
} from "../scenes/similarityPairs.ts";
import { type Cell, numbersButton, numbersTable } from "./numbersTable.ts";
import { canvasOf, captionOf, cellAt, placeOn } from "./picture.ts";
import type { View } from "./view.ts";

/** Pixels of the list of pairs, which stands beside the matrix where there is room, and between the two. */
const [LIST, GAP] = [520, 64];

/** The pair that is pointed at; null: none. */
let pointed: readonly [row: number, column: number] | null = null;

const answerOf = ({ result }: View): Similarity | Inseparable | null => result.further?.similarity ?? null;

/** The pictures that there are. */
export function pictures(view: View): [name: string, file: string, scene: Scene][] {
  const { layout, pictures: made } = view;
  const similarity = answerOf(view);
  if (!similarity || "problem" in similarity) return [];
  const narrow = Math.min(layout.whole, LIST);
  const beside = layout.whole - LIST - GAP;
  const width = beside >= widthNamed(similarity) ? beside : layout.whole;
  const matrix = made.scene("similarity", [similarity, width], () => similarityMatrix(similarity, width));
  const pairs = made.scene("strongest", [similarity, narrow], () => strongestPairs(similarity, narrow));
  return [
    ["Similarity", "similarity", matrix],
    [pairs.title, "similarity-pairs", pairs],
  ];
}

/** The two pictures; without a second text, what is missing. */
export function content(view: View): TemplateResult {
  const { result, state, change } = view;
  const similarity = answerOf(view);
  if (result.request.pair === "")
    return html`<p class="quiet">Write a text B: the view shows which tokens of A and B make the two alike.</p>`;
  if (!similarity) return html`<p class="quiet">The similarity is coming.</p>`;
  if ("problem" in similarity) return html`<p class="quiet">${similarity.problem}</p>`;
  const [matrix, pairs] = pictures(view).map(([, , scene]) => scene);
  return html`
    <div class="heading"><h2>${matrix.title}</h2>
      ${numbersButton(state.numbers, (numbers) => change({ numbers }, true))}</div>
    ${similarity.isListed ? nothing : html`<p class="quiet">This model was not trained to compare texts. One that was, such as the package's weights/embeddings, can be opened with “Open model”.</p>`}
    <p class="readout">${readingOf(similarity)}</p>
    <div class="columns">
    <figure>
      <div class="scroll">
        <div class="picture" tabindex="0" role="application" aria-roledescription="matrix"
          aria-label="${matrix.title}. Arrow keys point at a number, Escape lets go."
          @pointermove=${(event: PointerEvent) => event.pointerType === "mouse" && point(view, under(event, matrix))}
          @pointerleave=${() => point(view, null)} @click=${(event: PointerEvent) => point(view, under(event, matrix))}
          @keydown=${(event: KeyboardEvent) => keyDown(event, view, similarity)}>${canvasOf("similarity")}${cross(matrix)}</div>
      </div>
      ${captionOf(matrix)}
    </figure>
    <div><h3>${pairs.title}</h3>
    <figure>${canvasOf("strongest", altOf(similarity))}${captionOf(pairs)}</figure></div>
    </div>
    ${state.numbers ? table(similarity) : nothing}`;
}

const matrixOf = ({ shapes }: Scene): MatrixShape =>
  shapes.find((shape): shape is MatrixShape => shape.kind === "matrix") as MatrixShape;

const under = (event: MouseEvent, scene: Scene): typeof pointed =>
  cellAt(matrixOf(scene), placeOn(event, event.currentTarget, scene));

function point(view: View, pair: typeof pointed, isSaid = false): void {
  if (JSON.stringify(pair) === JSON.stringify(pointed)) return;
  pointed = pair;
  const similarity = answerOf(view);
  if (isSaid && similarity && !("problem" in similarity)) view.say(readingOf(similarity));
  view.redraw();
}

/** What is pointed at, in words. */
function readingOf(similarity: Similarity): string {
  const [rows, columns] = namesOf(similarity);
  const [i, j] = pointed ?? [-1, -1];
  if (!(i in rows && j in columns)) return "Point at a cell to read its number.";
  const value = similarity.pairs[i * columns.length + j];
  return `“${rows[i]}” at ${i} in A and “${columns[j]}” at ${j} in B: ${signed(value, 5)} of ${signed(similarity.cosine, 4)}`;
}

/** The frame of the cell that is pointed at. */
function cross(scene: Scene): TemplateResult | typeof nothing {
  const { x, y, cell, height = cell, rows, columns } = matrixOf(scene);
  const [i, j] = pointed ?? [-1, -1];
  if (i < 0 || i >= rows || j >= columns) return nothing;
  return html`<div id="spot" class="cross" .style=${`left:${x + j * cell}px;top:${y + i * height}px;width:${cell}px;height:${height}px`}></div>`;
}

function keyDown(event: KeyboardEvent, view: View, similarity: Similarity): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const [{ length: n }, { length: m }] = namesOf(similarity);
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  const within = (place: number, count: number) => Math.min(count - 1, Math.max(0, place));
  if (step) {
    const [i, j] = pointed ?? [-step[0], -step[1]];
    point(view, [within(i + step[0], n), within(j + step[1], m)], true);
    document.getElementById("spot")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  } else if (event.key === "Escape") point(view, null);
  else return;
  event.preventDefault();
}

function altOf(similarity: Similarity): string {
  const [rows, columns] = namesOf(similarity);
  const strongest = rankedPairs(similarity).slice(0, 5);
  return `The strongest: ${strongest.map(({ row, column, value }) => `${rows[row]} and ${columns[column]} ${signed(value, 4)}`).join("; ")}`;
}

function table(similarity: Similarity): TemplateResult {
  const [rows, columns] = namesOf(similarity);
  const [rowSums, columnSums] = sumsOf(similarity);
  const m = columns.length;
  return numbersTable(
    "What each token of A gives with each of B",
    [...columns, "sum"],
    [
      ...rows.map((name, i): [string, ...Cell[]] => [
        name,
        ...columns.map((_, j): Cell => [similarity.pairs[i * m + j], 5]),
        [rowSums[i], 5],
      ]),
      ["sum", ...Array.from(columnSums, (sum): Cell => [sum, 5]), [rowSums.reduce((total, sum) => total + sum, 0), 5]],
    ],
  );
}
