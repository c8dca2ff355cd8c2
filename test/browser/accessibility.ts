import axe from "axe-core";
import type { Page } from "puppeteer-core";

/** What axe finds on a page, a line for each element. */
export async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return (await page.evaluate(`axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => [id, html, failureSummary].join(" "))))`)) as string[];
}
