import { getStatusCodeFromCode, type StatusCode } from "node-opcua";
import type { QualityCode } from "../../tags/quality.ts";

const known = new Map<number, StatusCode>();

/** node-opcua's object for a 32-bit status code, info bits included. The same code always gives the same object. */
export function statusCodeOf(quality: QualityCode): StatusCode {
  let code = known.get(quality);
  if (code === undefined) {
    code = getStatusCodeFromCode(quality >>> 0);
    known.set(quality, code);
  }
  return code;
}
