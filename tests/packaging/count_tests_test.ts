import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { countTests, failures, unreportedFiles } from "../../packaging/count_tests.ts";

Deno.test("the tests of all reports are counted, skipped ones as failures", () => {
  const report = (attributes: string) =>
    `<testsuites tests="99"><testsuite name="a" ${attributes}></testsuite></testsuites>`;
  assert.deepEqual(
    countTests([
      report(`tests="5" disabled="1" errors="0" failures="2"`),
      report(`tests="3" disabled="0" errors="0" failures="0"`),
    ]),
    { passed: 5, failed: 3 },
  );
});

Deno.test("a test's own text is not counted", () => {
  const text =
    `<testsuite name="a" tests="1" failures="1"><testcase name="&lt;testsuite tests=&quot;9&quot;&gt;"/></testsuite>`;
  assert.deepEqual(countTests([text]), { passed: 0, failed: 1 });
});

Deno.test("what failed is told by its file, its name and its error, and once where a step failed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/some_test.ts`;
    const report = `${folder}/report.xml`;
    await Deno.writeTextFile(
      file,
      `Deno.test("good", () => {});
       Deno.test("bad", async (t) => {
         await t.step("an inner <one>", () => { throw new Error("no 'word' & no <sense>\\non two lines"); });
       });`,
    );
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-config", "--no-check", `--junit-path=${report}`, file],
      stdout: "null",
      stderr: "null",
    }).output();
    assert.equal(code, 1);
    const [only, ...others] = failures([await Deno.readTextFile(report)]);
    assert.deepEqual(others, []);
    assert.match(only ?? "", /some_test\.ts: bad > an inner <one>\nError: no 'word' & no <sense>\non two lines\n/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a report without a test suite is refused", () => {
  assert.throws(() => countTests([`<testsuites name="deno test" tests="0"></testsuites>`]), RangeError);
});

Deno.test("a test file that no report knows is found", () => {
  const report = `<testsuites><testsuite name="./src/tags/tag_store_test.ts" tests="3"></testsuite></testsuites>`;
  assert.deepEqual(unreportedFiles([report], ["src/tags/tag_store_test.ts", "src/tags/quality_test.ts"]), [
    "src/tags/quality_test.ts",
  ]);
});

Deno.test("make test runs the tests of every room", async () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const rooms = [...Deno.readDirSync(`${root}src`)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  const { stdout } = await new Deno.Command("make", {
    args: ["--dry-run", "test"],
    cwd: root,
    // a make that runs this test for some files hands their names down here
    env: { MAKEFLAGS: "" },
    stdin: "null",
  }).output();
  const words = new TextDecoder().decode(stdout).split(/\s+/);
  assert.deepEqual(rooms.filter((room) => !words.includes(`src/${room}/`)), []);
  assert.ok(words.includes("tests"));
});
