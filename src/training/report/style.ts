/** The looks of a report. Colours have a contrast of 4.5 to 1 with what they stand on, light and dark. */
export const STYLE = `:root { --paper: #fff; --ink: #1c2024; --soft: #59616a; --line: #d9dde1; --right: 0 114 178; --wrong: 176 0 32; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --ink: #e8eaed; --soft: #a3abb3; --line: #3a4047; --right: 86 180 233; --wrong: 255 138 128; }
  .line-0 { stroke: #56b4e9; } .line-1 { stroke: #ff9248; } .line-2 { stroke: #2bc79a; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 64rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p, dl, ol { margin: 0; } dd { margin: 0; } dt, .soft { color: var(--soft); }
.facts { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .2rem 1.2rem; }
.scroll { overflow-x: auto; max-width: 100%; }
.scroll:focus-visible { outline: 2px solid rgb(var(--right)); outline-offset: 2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th { font-weight: normal; }
th, td { padding: .25rem .45rem; text-align: right; border-bottom: 1px solid var(--line); }
tbody th { text-align: left; white-space: nowrap; max-width: 16rem; overflow: hidden; text-overflow: ellipsis; }
thead th:first-child { text-align: left; } thead th { color: var(--soft); vertical-align: bottom; }
.matrix tbody th { position: sticky; left: 0; background: var(--paper); }
.matrix td { min-width: 1.6rem; }
.matrix .other { background: rgb(var(--wrong) / calc(var(--part) * .5)); }
.matrix .same { background: rgb(var(--right) / calc(var(--part) * .5)); }
.matrix .tall span { writing-mode: vertical-rl; max-height: 12rem; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; font: 13px system-ui, sans-serif; }
.answers { list-style: none; padding: 0; } .answers > li { padding: .7rem 0; border-bottom: 1px solid var(--line); }
.answers dl { display: flex; flex-wrap: wrap; gap: 0 1.6rem; } .answers dl div { display: flex; gap: .5rem; min-width: 0; }
.answers dt { flex: none; } .answers dd { min-width: 0; }
.answers .text { white-space: pre-wrap; } .wrong { color: rgb(var(--wrong)); }
@media (max-width: 40rem) { tbody th { max-width: 7rem; } }
@media print { .scroll { overflow: visible; } }
`;
