import { fromBase64, sha256Hex } from "../../mesh/encoding.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import type { HubRequests } from "../hub_client/hub_requests.ts";
import type { KeyRing } from "./key_ring.ts";

/** What {@link acceptHub} works with. */
export interface AcceptHubParts {
  readonly ring: KeyRing;
  readonly client: Pick<HubRequests, "hubKeys">;
}

/**
 * Has the hub's history count again because root on this machine compared the fingerprint of its signing key: with the
 * key that is known, the next state is taken wherever it is (a backup that was restored on purpose); with another one,
 * the hub's recovery to that key is taken without an admin's signature.
 *
 * @param fingerprint SHA-256 of the signing key, 64 hex digits; blanks and colons do not matter
 * @returns what was done, for people
 * @throws MeshError `E_KEY` when the hub has no such key; HubRequestError when it cannot be asked
 */
export async function acceptHub({ ring, client }: AcceptHubParts, fingerprint: string): Promise<string> {
  const wanted = fingerprint.toLowerCase().replace(/[\s:]/g, "");
  if (!/^[0-9a-f]{64}$/.test(wanted)) {
    throw new MeshError("E_KEY", "Not a fingerprint: it has 64 hex digits, as `edgekeep hub keys show` prints it");
  }
  if (wanted === sha256Hex(fromBase64(ring.trust.signing_key, 32))) {
    await ring.acceptAnyPosition(true);
    return "The hub's key is the known one: its next state is taken wherever it is in its history";
  }
  const { recoveries } = await client.hubKeys();
  for (const text of recoveries.toReversed()) {
    try {
      await ring.acceptRecovery(text, wanted);
      return "The hub's new key is trusted: its new history is followed";
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
    }
  }
  throw new MeshError(
    "E_KEY",
    "The hub shows no recovery to a key with this fingerprint: compare it with edgekeep hub keys show",
  );
}
