/** Keeps a link from the explorer to the page of the tour that explains the step which is shown. */
import { pageOfTap, titleOfStep } from "../tour.ts";

const link = document.getElementById("tour-step") as HTMLAnchorElement;

function follow(): void {
  const page = pageOfTap(new URLSearchParams(location.hash.slice(1)).get("tap") ?? "");
  const address = `../docs/reading/${page === null ? "index" : page}.html`;
  if (link.getAttribute("href") === address) return;
  link.href = address;
  link.textContent = page === null ? "A tour of BERT" : `The tour: ${titleOfStep(page)}`;
}

follow();
// The address's end is the explorer's own, so that this link moves the focus alone.
document.querySelector('a[href="#site"]')?.addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("site")?.focus();
});
addEventListener("hashchange", follow);
// The page writes its link by replaceState, of which the Navigation API alone tells; where there is none, the next key or move does.
const { navigation } = globalThis as { navigation?: EventTarget };
navigation?.addEventListener("currententrychange", follow);
for (const event of ["pointermove", "focusin"]) addEventListener(event, follow, { passive: true });
