/** What the site's pages do when they are read with scripts: Run buttons, search, wide blocks that scroll by keyboard. */

/** Code and tables that are wider than the page can be scrolled by keyboard. */
function reachWideBlocks(): void {
  for (const block of document.querySelectorAll<HTMLElement>("pre, .table, .equation")) {
    if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
    else block.removeAttribute("tabindex");
  }
}

function showRunButtons(): void {
  for (const box of document.querySelectorAll<HTMLElement>("[data-run]")) {
    const button = box.querySelector("button") as HTMLButtonElement;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const { toggle } = await import("./run.ts");
      toggle(box, reachWideBlocks);
    });
  }
}

function showSearch(): void {
  const form = document.querySelector<HTMLFormElement>("form[role=search]");
  const box = form?.querySelector("input");
  if (!form || !box) return;
  form.hidden = false;
  box.addEventListener("focus", async () => (await import("./search.ts")).startSearch(form), { once: true });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    box.focus();
  });
}

showRunButtons();
showSearch();
reachWideBlocks();
addEventListener("resize", reachWideBlocks);
document.addEventListener("toggle", reachWideBlocks, true);
