/** What the keys do, and what the page shows. */
import { html, nothing, type TemplateResult } from "lit-html";

const KEYS: readonly (readonly [where: string, keys: readonly (readonly [string, string])[]])[] = [
  [
    "Tokens",
    [
      ["← →", "the next token"],
      ["Enter", "keep its row, or let go"],
      ["M", "hide it from the model, or show it"],
      ["Esc", "let go"],
    ],
  ],
  [
    "The model",
    [
      ["← → ↑ ↓", "another head"],
      ["Home End", "the first and last of a row"],
    ],
  ],
  [
    "The head",
    [
      ["↑ ↓", "another query"],
      ["← →", "another key"],
      ["Enter", "keep the number, or let go"],
      ["Esc", "let go"],
    ],
  ],
  [
    "Step by step",
    [
      [", .", "the step before or after"],
      ["← → ↑ ↓", "another number"],
      ["Enter", "show its terms, or let go"],
      ["Esc", "let go"],
    ],
  ],
  [
    "Below: tabs, and the residual stream",
    [
      ["← →", "another tab, then Enter; another token"],
      ["↑ ↓", "another layer; in Similarity a token of text A"],
      ["Enter", "keep the token"],
    ],
  ],
  [
    "Below: heads that are switched off, words that are taken away",
    [
      ["← → ↑ ↓", "another head, another word"],
      ["Enter", "the head off or on; the answers without the word"],
      ["L O", "the head's layer off or on; all heads off but this one"],
      ["Esc", "all heads on; let go"],
    ],
  ],
  [
    "All parts, with the focus in one",
    [
      ["/", "to the text"],
      ["?", "this help"],
    ],
  ],
];

const WORDS: readonly (readonly [word: string, meaning: string])[] = [
  ["head", "a part of a layer that has attention of its own"],
  ["query", "the token that looks: a row of the matrix"],
  ["key", "a token that is looked at: a column"],
  ["logit", "a score of the model; the softmax of all scores gives the probabilities"],
  ["tap", "a point in the model where its numbers can be read; it is named as in the checkpoint"],
  ["L H A", "the BERT paper's letters: layers, numbers of a token's vector, heads of a layer"],
  ["B T I V", "texts at once, tokens, numbers inside the feed-forward network, pieces of the vocabulary"],
  ["nats", "the unit of entropy: 0 where one answer is certain, ln n where n are equally likely"],
];

/** The dialog. @param backend what computes; null: it is not known yet */
export function help(backend: string | null): TemplateResult {
  return html`<dialog id="help" aria-labelledby="help-title" @click=${closeOutside}>
    <div class="sheet">
    <div class="heading"><h2 id="help-title">Help</h2><button @click=${toggleHelp}>Close</button></div>
    <p>BERT reads a text as pieces of words. In each layer, each head mixes into every token what it takes from the others:
      a row of attention probabilities, which adds up to 1. All of it is computed here, in the page; nothing that you write is sent.</p>
    <p>Attention is not by itself an explanation, and one sentence is one example.</p>
    <p>A model of your own: choose its folder with “Open model”, or drop it on the page. Its files stay on this machine.
      A model of the hub is fetched by its id, once you have asked for it.</p>
    <h3>Words</h3><dl>${WORDS.map(([word, meaning]) => html`<div><dt>${word}</dt><dd>${meaning}</dd></div>`)}</dl>
    ${KEYS.map(
      ([where, keys]) =>
        html`<h3>${where}</h3><dl>${keys.map(
          ([key, what]) =>
            html`<div><dt>${key.split(" ").map((one) => html`<kbd>${one}</kbd>`)}</dt><dd>${what}</dd></div>`,
        )}</dl>`,
    )}
    ${backend === null ? nothing : html`<p class="quiet">Computed by the backend ${backend}.</p>`}
    </div></dialog>`;
}

/** Opens the help, or closes it. */
export function toggleHelp(): void {
  const dialog = document.getElementById("help") as HTMLDialogElement | null;
  if (dialog?.open) dialog.close();
  else dialog?.showModal();
}

function closeOutside(event: Event): void {
  if (event.target === event.currentTarget) toggleHelp();
}
