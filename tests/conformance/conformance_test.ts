import { suiteTest } from "./suite_definition.ts";
import { suites } from "./suites.ts";

for (const suite of suites) {
  const test = suiteTest(suite);
  // registered here, because a test counts for the file that registers it
  if (test !== null) Deno.test(test);
}
