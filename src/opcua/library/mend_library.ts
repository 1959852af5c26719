import { addCancelService } from "./cancel_service.ts";
import { takeClientChains } from "./client_chains.ts";
import { mendItems } from "./item_mends.ts";
import { judgeItems } from "./item_rules.ts";
import { mendOverflowBit, sampleByIdentity } from "./library_internals.ts";
import { keepItemsOfDeletedNodes } from "./monitored_nodes.ts";
import { pacePublishing } from "./publish_pace.ts";
import { stampNotifications } from "./publish_time.ts";
import { compareSessionCertificates } from "./session_certificate.ts";
import { sendInSlices } from "./sliced_answers.ts";
import { mendWideDeadbands } from "./wide_deadbands.ts";

/**
 * Everything that is changed in node-opcua's own classes, for the whole process: a second call changes nothing but the
 * namespace. What is changed in one server stands where that server is made.
 *
 * @param namespaceIndex the namespace whose variables are sampled by identity
 */
export function mendLibrary(namespaceIndex: number): void {
  mendOverflowBit();
  sendInSlices();
  judgeItems();
  compareSessionCertificates();
  stampNotifications();
  pacePublishing();
  keepItemsOfDeletedNodes();
  mendItems();
  mendWideDeadbands();
  addCancelService();
  sampleByIdentity(namespaceIndex);
  takeClientChains();
}
