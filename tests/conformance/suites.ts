import { attributeRead } from "./attribute_read.ts";
import { sessionServices } from "./session_services.ts";
import type { Suite } from "./suite.ts";

/** All suites, in the order in which they run. */
export const suites: readonly Suite[] = [attributeRead, sessionServices];
