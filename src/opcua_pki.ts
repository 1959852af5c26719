/**
 * The certificates of an OPC UA server that does not run, as a file of its own in a bundle: the OPC UA library behind it
 * would treble what every start of the program loads.
 */
export { offlineCertificates } from "./opcua/security/client_certificates.ts";
