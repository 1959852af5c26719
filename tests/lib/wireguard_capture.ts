import capture from "../vectors/wireguard.json" with { type: "json" };

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

/** Packets of a real handshake between two wireguard-go, and the seeds of the two keys (`tests/vectors`). */
export const wireGuardCapture = {
  initiatorSeed: bytes(capture.initiator_seed),
  responderSeed: bytes(capture.responder_seed),
  initiation: bytes(capture.initiation.packet),
  response: bytes(capture.response.packet),
  transport: bytes(capture.transport.packet),
};
