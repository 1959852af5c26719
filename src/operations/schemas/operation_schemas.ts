import type { z } from "zod";
import type { OperationName } from "../../policy/operations.ts";
import { accessSchemas } from "./access_schemas.ts";
import { alarmSchemas } from "./alarm_schemas.ts";
import { commandSchemas } from "./command_schemas.ts";
import { configSchemas } from "./config_schemas.ts";
import { gatewaySchemas } from "./gateway_schemas.ts";
import { guardSchemas } from "./guard_schemas.ts";
import { hubSchemas } from "./hub_schemas.ts";
import { tagSchemas } from "./tag_schemas.ts";

/**
 * Parameters and results of every operation. Parameters are strict: an unknown key is refused. For a stream `result` is
 * one item. Times in results are ISO 8601 text.
 */
export const operationSchemas = {
  ...gatewaySchemas,
  ...tagSchemas,
  ...alarmSchemas,
  ...commandSchemas,
  ...configSchemas,
  ...accessSchemas,
  ...guardSchemas,
  ...hubSchemas,
} satisfies { readonly [K in OperationName]: { readonly params: z.ZodType; readonly result: z.ZodType } };

export type OperationSchemas = typeof operationSchemas;
/** What an operation takes, parsed. */
export type ParamsOf<K extends OperationName> = z.output<OperationSchemas[K]["params"]>;
/** What an operation answers. */
export type ResultOf<K extends OperationName> = z.output<OperationSchemas[K]["result"]>;
