import type { Page } from "playwright-core";

const source = new URL("../../node_modules/axe-core/axe.min.js", import.meta.url);

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Makes axe-core known to every document of a page, past its content security policy. To be called before `goto`. */
export async function installAxe(page: Page): Promise<void> {
  await page.addInitScript({ content: await Deno.readTextFile(source) });
}

/** The serious and critical faults of accessibility that axe-core finds on the page as it is now, in words. */
export async function seriousFaults(page: Page): Promise<string[]> {
  const violations = await page.evaluate<Violation[]>("axe.run(document).then(({ violations }) => violations)");
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").flatMap(
    ({ id, help, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${help}\n${html}\n${failureSummary}`),
  );
}
