/** The lens: what each layer's vector of a token would say. */
import { html, nothing, type TemplateResult } from "lit-html";
import { outputsOf } from "../explorerResult.ts";
import type { Lens } from "../further/lens.ts";
import type { Scene } from "../scene.ts";
import { lensRanks, lensWords, stateName } from "../scenes/layerLens.ts";
import { type Cell, numbersButton, numbersTable } from "./numbersTable.ts";
import { canvasOf, captionOf } from "./picture.ts";
import type { View } from "./view.ts";

/** The pictures that there are. */
export function pictures(view: View): [name: string, file: string, scene: Scene][] {
  const { result, layout, pictures: made } = view;
  const lens = result.further?.lens;
  if (!lens) return [];
  const width = Math.min(layout.whole, 1120);
  const both = [
    ["lens-words", lensWords],
    ["lens-ranks", lensRanks],
  ] as const;
  return both.map(([id, make]) => {
    const scene = made.scene(id, [lens, width], () => make(lens, width));
    return [scene.title, `${id}-position-${lens.position}`, scene];
  });
}

/** The lens of the picked token or, without, of the first gap. */
export function content(view: View): TemplateResult {
  const { result, state, model, change } = view;
  const lens = result.further?.lens;
  if (!lens) return html`<p class="quiet">${noLens(view)}</p>`;
  const [words, ranks] = pictures(view).map(([, , scene]) => scene);
  const { piece } = result.tokens[lens.position];
  return html`
    <div class="heading"><h2>${words.title}</h2>${numbersButton(state.numbers, (numbers) => change({ numbers }, true))}</div>
    <p class="quiet">The vector of ${piece} goes through the model's whole head that predicts, after each of its ${model.layers} layers.
      Pick another token, or write words into “Only these” to follow them.</p>
    <figure>${canvasOf(
      "lens-words",
      altOf(words, lens, (n) => lens.layers[n].best[0].piece),
    )}${captionOf(words)}</figure>
    <h3>${ranks.title}</h3>
    <figure>${canvasOf(
      "lens-ranks",
      altOf(ranks, lens, (n) => ranksIn(lens, n)),
    )}${captionOf(ranks)}</figure>
    ${state.numbers ? html`${table(lens, "best", `The likeliest pieces at position ${lens.position}`)}${table(lens, "followed", `The pieces that are followed at position ${lens.position}`)}` : nothing}`;
}

function noLens({ model, state, result }: View): string {
  if (!outputsOf(model.config.architecture).gaps) return "This model has no head that tells what is hidden.";
  return result.gaps.length === 0 && state.query === null
    ? "Pick a token, or write [MASK]: the lens shows what each layer would say in its place."
    : "The lens is coming.";
}

const ranksIn = ({ layers }: Lens, n: number): string =>
  layers[n].followed.map(({ piece, rank }) => `${piece} at place ${rank}`).join(", ");

/** What a picture says by layer. */
const altOf = ({ title }: Scene, { layers }: Lens, textOf: (n: number) => string): string =>
  `${title}: ${layers.map((_, n) => `${stateName(n)} ${textOf(n)}`).join("; ")}`;

function table({ layers }: Lens, which: "best" | "followed", caption: string): TemplateResult {
  const rows = layers.flatMap((layer, n) =>
    layer[which].map(({ piece, id, logit, probability, rank }): [string, ...Cell[]] => [
      stateName(n),
      piece,
      [id, 0],
      [rank, 0],
      [logit, 4],
      [probability, 6],
    ]),
  );
  return numbersTable(caption, ["piece", "id", "place", "logit", "probability"], rows);
}
