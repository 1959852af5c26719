/**
 * Prints `<passed> <failed>` of JUnit reports. A test that was skipped counts as failed: who asks for the counts wants
 * every test to have run.
 *
 * @throws when a report says nothing of tests
 */
export function countTests(reports: readonly string[]): { readonly passed: number; readonly failed: number } {
  let passed = 0;
  let failed = 0;
  for (const report of reports) {
    const suites = [...report.matchAll(/<testsuite\s([^>]*)>/g)].map(([, attributes]) => attributes ?? "");
    if (suites.length === 0) throw new RangeError("Cannot count tests: the report holds no test suite");
    for (const attributes of suites) {
      const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0);
      const notPassed = count("failures") + count("errors") + count("disabled") + count("skipped");
      failed += notPassed;
      passed += count("tests") - notPassed;
    }
  }
  return { passed, failed };
}

if (import.meta.main) {
  const { passed, failed } = countTests(Deno.args.map((path) => Deno.readTextFileSync(path)));
  console.log(passed, failed);
}
