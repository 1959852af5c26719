/**
 * Tests of JUnit reports that passed and failed. A test that was skipped counts as failed: who asks for the counts wants
 * every test to have run. Run as a program it prints `<passed> <failed>`, and each file of `src/` and `tests/` that no
 * report knows counts as failed too; what failed goes to standard error.
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

/** What failed, each as the place, the test's name and what was wrong: of the tests, not of those that hold them. */
export function failures(reports: readonly string[]): string[] {
  return reports.flatMap((report) =>
    [...report.matchAll(/<testcase name="([^"]*)" classname="([^"]*)"[^>]*>\s*<failure[^>]*>([^<]*)<\/failure>/g)]
      .filter(([, , , text]) => !/^\d+ test steps? failed\.?$/.test(text?.trim() ?? ""))
      .map(([, name, file, text]) => plain(`${file}: ${name}\n${text?.trim()}`))
  );
}

/** What XML's entities stand for. */
function plain(text: string): string {
  const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(\w+);/g, (entity, name: string) => entities[name] ?? entity);
}

/** The test files of which no report says that one of their tests was run, skipped ones included. */
export function unreportedFiles(reports: readonly string[], files: readonly string[]): string[] {
  const reported = new Set(
    reports.flatMap((report) =>
      [...report.matchAll(/<testsuite\s[^>]*?\bname="\.\/([^"]+)"/g)].map(([, name]) => name)
    ),
  );
  return files.filter((file) => !reported.has(file));
}

/** Test files below a folder, relative to the working folder. */
function testFiles(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return testFiles(path);
    return /_test\.tsx?$/.test(name) ? [path] : [];
  });
}

if (import.meta.main) {
  const reports = Deno.args.map((path) => Deno.readTextFileSync(path));
  const { passed, failed } = countTests(reports);
  const unreported = unreportedFiles(reports, ["src", "tests"].flatMap(testFiles));
  for (const failure of failures(reports)) console.error(`\nFAILED ${failure}`);
  for (const file of unreported) console.error(`No test of ${file} was run`);
  console.log(passed, failed + unreported.length);
}
