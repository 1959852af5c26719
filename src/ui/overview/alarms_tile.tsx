import type { StatusAnswer } from "../../web/api_schema.ts";
import { messages } from "../messages/messages.ts";
import { Fact, Facts } from "../parts/facts.tsx";
import { format } from "../parts/language.ts";
import { hrefOf } from "../route.ts";
import { Figure, Tile } from "./tile.tsx";

/** How many alarms are active, and how many wait for somebody. */
export function AlarmsTile({ alarms }: { readonly alarms: StatusAnswer["alarms"] }) {
  const words = messages.value.alarms;
  const { count } = format.value;
  return (
    <Tile id="alarms" heading={messages.value.pages.alarms} href={hrefOf({ page: "alarms", show: "now" })}>
      <Figure value={count(alarms.active)}>{words.active(count(alarms.total))}</Figure>
      <Facts>
        <Fact name={words.unacknowledged} tone={alarms.unacknowledged > 0 ? "warning" : undefined}>
          {count(alarms.unacknowledged)}
        </Fact>
        <Fact name={words.shelved}>{count(alarms.shelved)}</Fact>
      </Facts>
    </Tile>
  );
}
