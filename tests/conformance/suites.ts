import { alarmsConditions } from "./alarms_conditions.ts";
import { attributeRead } from "./attribute_read.ts";
import { attributeWrite } from "./attribute_write.ts";
import { discoveryRegister, discoveryRegister2 } from "./discovery_registration.ts";
import { discoveryServices } from "./discovery_services.ts";
import { historicalAccess } from "./historical_access.ts";
import { informationModel } from "./information_model.ts";
import { methodServices } from "./method_services.ts";
import { monitoredItems } from "./monitored_items.ts";
import { security } from "./security.ts";
import { sessionServices } from "./session_services.ts";
import { subscriptions } from "./subscriptions.ts";
import type { Suite } from "./suite.ts";
import { transport } from "./transport.ts";
import { viewServices } from "./view_services.ts";

/** All suites, in the order in which they run. */
export const suites: readonly Suite[] = [
  discoveryServices,
  discoveryRegister,
  discoveryRegister2,
  sessionServices,
  attributeRead,
  viewServices,
  monitoredItems,
  subscriptions,
  methodServices,
  informationModel,
  security,
  attributeWrite,
  historicalAccess,
  alarmsConditions,
  transport,
];
