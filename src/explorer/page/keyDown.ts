import { toggleHelp } from "./helpDialog.ts";

/**
 * A key that is of no part alone. Single characters are keys only where the focus is in a part of the page (WCAG
 * 2.1.4), as who speaks to a browser may write them elsewhere; in a text they are letters.
 */
export function keyDown(event: KeyboardEvent): void {
  const target = event.target as Partial<Element> | null;
  if (event.ctrlKey || event.metaKey || event.altKey || target?.matches?.("input")) return;
  if (!target?.closest?.("main section, dialog")) return;
  if (event.key === "?") toggleHelp();
  if (event.key !== "/") return;
  document.getElementById("text-a")?.focus();
  event.preventDefault();
}
