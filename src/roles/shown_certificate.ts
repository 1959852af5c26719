import { X509Certificate } from "node:crypto";
import type { ConditionCertificate } from "../opcua/alarms/condition_fields.ts";
import type { ServerCertificate } from "../tls/server_certificate.ts";

/** The certificate of web and control as the alarm about it shows it in OPC UA. */
export function shownCertificate(certificate: ServerCertificate | null): ConditionCertificate | null {
  if (certificate === null) return null;
  const { material, facts } = certificate;
  return { der: new X509Certificate(material.cert).raw, notAfterUs: facts.notAfterUs, ofApplication: false };
}
