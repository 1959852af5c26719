import { runSuite } from "./run_suite.ts";
import { suites } from "./suites.ts";

for (const suite of suites) runSuite(suite);
