/** Heads by what they do: a search, and the badge of the chosen one. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ExplorerResult } from "../explorerResult.ts";
import { KINDS, NEEDLE_NAMES, type Needle, type Tally, talliesOf } from "../needles.ts";
import { PROFILE } from "../profile.ts";
import type { Scene } from "../scene.ts";
import {
  type Badge,
  badgePicture,
  headRow,
  headsPicture,
  MOST_HEADS,
  type RankedHead,
  rankedByPair,
  rankedHeads,
  times,
  written,
} from "../scenes/badges.ts";
import { type ExplorerState, NEEDLES } from "../state.ts";
import { type Cell, numbersButton, numbersTable } from "./numbersTable.ts";
import { canvasOf, captionOf } from "./picture.ts";
import { remembered, type View } from "./view.ts";

/** Every needle's tallies, [L, A] each. */
const allTallies = remembered(
  (result: ExplorerResult) => new Map(KINDS.map((needle) => [needle, talliesOf(result, needle)])),
);

const profileOf = ({ model }: View) => (model.fingerprint === PROFILE.fingerprint ? PROFILE : null);

/** What is searched for: not a pair where none is picked. */
const needleOf = ({ state }: View): ExplorerState["needle"] =>
  state.needle === "pair" && (state.query === null || state.key === null) ? "previous" : state.needle;

/** The heads, the first one first. */
function orderOf(view: View): readonly RankedHead[] {
  const { result, state } = view;
  const needle = needleOf(view);
  if (needle === "pair") return rankedByPair(result, state.query ?? 0, state.key ?? 0);
  return rankedHeads(allTallies(result).get(needle) ?? [], profileOf(view), needle);
}

/** The two pictures. */
export function pictures(view: View): [name: string, file: string, scene: Scene][] {
  const { result, layout, pictures: made, state } = view;
  const needle = needleOf(view);
  const [profile, { layer, head, query, key }] = [profileOf(view), state];
  const width = Math.min(520, layout.whole);
  const found = made.scene("heads", [result, needle, profile, width, ...(needle === "pair" ? [query, key] : [])], () =>
    headsPicture(orderOf(view), needle, profile, width),
  );
  const badge = made.scene("badge", [result, profile, layer, head, width], () =>
    badgePicture(badgesOf(view), { layer, head }, profile, width),
  );
  return [
    [found.title, `heads-by-${needle}`, found],
    [badge.title, `layer-${layer + 1}-head-${head + 1}-badge`, badge],
  ];
}

/** The chosen head's tallies. */
function badgesOf({ result, state: { layer, head } }: View): Readonly<Record<Needle, Tally>> {
  const all = [...allTallies(result)].map(([needle, tallies]) => [needle, tallies[layer][head]]);
  return Object.fromEntries(all) as Record<Needle, Tally>;
}

/** The search and the badge. */
export function content(view: View): TemplateResult {
  const { state, change } = view;
  const [found, badge] = pictures(view).map(([, , scene]) => scene);
  const needle = needleOf(view);
  const order = orderOf(view);
  const isNoPair = state.query === null || state.key === null;
  return html`
    <div class="heading"><h2>${found.title}</h2>${numbersButton(state.numbers, (numbers) => change({ numbers }, true))}</div>
    <div class="needles" role="group" aria-label="Look for">${NEEDLES.map(
      (one) => html`<button aria-pressed=${one === needle} ?disabled=${one === "pair" && isNoPair}
        @click=${() => change({ needle: one }, true)}>${NEEDLE_NAMES[one]}</button>`,
    )}</div>
    <div class="columns">
      <figure><div class="picture">${canvasOf("heads")}
        <ol class="rows" aria-label="Heads">${order.slice(0, MOST_HEADS).map((one, n) => headButton(view, one, n))}</ol>
      </div>${captionOf(found)}</figure>
      <div><h3>${badge.title}</h3>
        <figure>${canvasOf("badge", altOf(view, badge))}${captionOf(badge)}</figure></div>
    </div>
    ${state.numbers ? table(view) : nothing}`;
}

const said = ({ mean, lift }: Badge): string => (mean === null ? "none" : `${written(mean)} ${times(lift)}`.trim());

function headButton({ state, change }: View, { layer, head, own, profile }: RankedHead, n: number): TemplateResult {
  const { y, height } = headRow(n);
  const isChosen = layer === state.layer && head === state.head;
  const label = `layer ${layer + 1}, head ${head + 1}: ${said(own)}${profile ? `; profile ${said(profile)}` : ""}`;
  return html`<li><button aria-label=${label} aria-current=${isChosen ? "true" : nothing}
    .style=${`top:${y}px;height:${height}px`} @click=${() => change({ layer, head }, true)}></button></li>`;
}

function altOf(view: View, { title }: Scene): string {
  const { layer, head } = view.state;
  const means = [...allTallies(view.result)].map(([needle, tallies]) => {
    const { rows, sum } = tallies[layer][head];
    return `${NEEDLE_NAMES[needle]} ${rows === 0 ? "none" : written(sum / rows)}`;
  });
  return `${title}: ${means.join(", ")}`;
}

/** Every head and needle: the mean here and, in the second table, in the profile. */
function table(view: View): TemplateResult {
  const { result } = view;
  const profile = profileOf(view);
  const columns = KINDS.map((needle) => NEEDLE_NAMES[needle]);
  const rowsOf = (cellOf: (needle: Needle, layer: number, head: number) => Cell) =>
    result.attentions.flatMap((_, layer) =>
      Array.from({ length: result.heads }, (_none, head): [string, ...Cell[]] => [
        `${layer + 1}·${head + 1}`,
        ...KINDS.map((needle) => cellOf(needle, layer, head)),
      ]),
    );
  const numberOf = (mean: number | null): Cell => (mean === null ? "" : [mean, 4]);
  const tallies = allTallies(result);
  const here = rowsOf((needle, layer, head) => {
    const { rows, sum } = (tallies.get(needle) as Tally[][])[layer][head];
    return numberOf(rows === 0 ? null : sum / rows);
  });
  return html`${numbersTable("Every head in this text: means over the rows", columns, here)}
    ${
      profile
        ? numbersTable(
            `Every head in ${profile.passages} held-out passages`,
            columns,
            rowsOf((needle, layer, head) => numberOf(profile.badges[needle][layer][head].mean)),
          )
        : nothing
    }`;
}
