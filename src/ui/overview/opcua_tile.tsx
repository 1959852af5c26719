import type { StatusAnswer } from "../../web/api_schema.ts";
import { nowMs } from "../clock.ts";
import { messages } from "../messages/messages.ts";
import { CopyButton } from "../parts/copy_button.tsx";
import { Fact, Facts } from "../parts/facts.tsx";
import { format } from "../parts/language.ts";
import { Figure, Tile } from "./tile.tsx";

const SOON_MS = 30 * 86_400_000;
const policyNames: Record<string, string> = {
  Aes128_Sha256_RsaOaep: "Aes128",
  Aes256_Sha256_RsaPss: "Aes256",
  None: "None",
};

/** Where SCADA connects, and who is connected. */
export function OpcUaTile({ opcua }: { readonly opcua: StatusAnswer["opcua"] }) {
  const words = messages.value.opcua;
  const { count, date } = format.value;
  if (opcua === null) {
    return (
      <Tile id="opcua" heading={messages.value.tiles.opcua}>
        <p class="figure">
          <strong>{words.off}</strong>
        </p>
      </Tile>
    );
  }
  const full = opcua.sessions >= opcua.maxSessions;
  const untilMs = opcua.certificateNotAfter === null ? null : Date.parse(opcua.certificateNotAfter);
  return (
    <Tile id="opcua" heading={messages.value.tiles.opcua}>
      <Figure value={count(opcua.sessions)}>
        {words.sessions(opcua.sessions)}{" "}
        <span class={full ? "tone-warning" : ""}>{words.ofMax(count(opcua.maxSessions))}</span>
      </Figure>
      <ul class="endpoints" aria-label={words.endpoint}>
        {opcua.endpoints.map((endpoint) => (
          <li key={endpoint} class="endpoint">
            <span class="mono">{endpoint}</span>
            <CopyButton text={endpoint} what={words.endpoint} />
          </li>
        ))}
      </ul>
      <Facts>
        <Fact name={words.items}>{count(opcua.monitoredItems)}</Fact>
        <Fact name={words.subscriptions}>{count(opcua.subscriptions)}</Fact>
        <Fact name={words.security}>
          {opcua.securityPolicies.map((policy) => policyNames[policy] ?? policy).join(", ")}
        </Fact>
        <Fact name={words.logins}>{count(opcua.rejectedLogins)}</Fact>
        {untilMs !== null && (
          <Fact name={words.certificate} tone={untilMs - nowMs.value < SOON_MS ? "warning" : undefined}>
            {date(untilMs)}
          </Fact>
        )}
      </Facts>
    </Tile>
  );
}
