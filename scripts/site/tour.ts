/** The pages of the tour, and the steps of the explorer that they are about. */

/** A page of docs/reading, and what it is about in the explorer. */
interface Step {
  /** Its name in docs/reading. */
  readonly page: string;
  /** The tap that the explorer is to show; null: its first view, which has the tokens. */
  readonly tap: string | null;
  /** Other fields of the link, such as texts. */
  readonly fields?: Readonly<Record<string, string>>;
  /** The taps that the page explains; none: another page explains its tap. */
  readonly explains?: RegExp;
}

/** In the tour's order. docs/explorer.md has the same in a table. */
export const STEPS: readonly Step[] = [
  { page: "01-tokens", tap: null },
  { page: "02-embeddings", tap: "bert.embeddings.word_embeddings", explains: /^bert\.embeddings/ },
  {
    page: "03-attention",
    tap: "bert.encoder.layer.1.attention.self.probs",
    explains: /\.attention\.(self|output\.dense$)/,
  },
  {
    page: "04-residual-and-layernorm",
    tap: "bert.encoder.layer.0.attention.output.LayerNorm",
    explains: /\.attention(\.output(\.LayerNorm)?)?$/,
  },
  {
    page: "05-feed-forward",
    tap: "bert.encoder.layer.0.intermediate.intermediate_act_fn",
    explains: /\.intermediate|\.\d+\.output\.dense$/,
  },
  {
    page: "06-the-stack",
    tap: "bert.encoder.layer.3",
    explains: /^bert\.encoder\.layer\.\d+(\.output(\.LayerNorm)?)?$/,
  },
  { page: "07-masked-language-model", tap: "cls.predictions", explains: /^cls\.predictions/ },
  {
    page: "08-next-sentence",
    tap: "cls.seq_relationship",
    fields: { a: "The door was locked.", b: "She had lost the key." },
    explains: /^bert\.pooler|^cls\.seq_relationship/,
  },
  { page: "09-pretraining", tap: "cls.predictions.decoder" },
  { page: "10-the-backward-pass", tap: "bert.encoder.layer.3.output.dense" },
  { page: "11-the-machine", tap: "bert.encoder.layer.0.intermediate.dense" },
];

/** The explorer's link for a page of the tour; "" for a page that is about no step. */
export function explorerLink(page: string): string {
  const step = STEPS.find((one) => one.page === page);
  if (!step || step.tap === null) return "";
  const layer = /\.layer\.(\d+)\./.exec(step.tap)?.[1];
  const fields = { v: "1", ...step.fields, ...(layer !== undefined && { l: layer }), more: "stepper", tap: step.tap };
  return `#${new URLSearchParams(fields)}`;
}

/** The page that explains a tap; null: none does. */
export const pageOfTap = (tap: string): string | null =>
  STEPS.find(({ explains }) => explains?.test(tap))?.page ?? null;

/** What a page is called where it is linked to: "3. Attention". */
export function titleOfStep(page: string): string {
  const [number, ...words] = page.split("-");
  return `${Number(number)}. ${words.join(" ").replace(/^\w/, (letter) => letter.toUpperCase())}`;
}
