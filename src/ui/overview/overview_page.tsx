import { plantStatus } from "../gateway_state.ts";
import { messages } from "../messages/messages.ts";
import { AlarmsTile } from "./alarms_tile.tsx";
import { EventList } from "./event_list.tsx";
import { FaultList } from "./fault_list.tsx";
import { OpcUaTile } from "./opcua_tile.tsx";
import { SourceTile } from "./source_tile.tsx";
import { StorageTile, SystemTile } from "./system_tiles.tsx";
import { FreshnessTile, IngestTile } from "./value_tiles.tsx";
import { VerdictBand } from "./verdict_band.tsx";

/** The first page: is everything well, and if not, what to do. */
export function OverviewPage() {
  const now = plantStatus.value;
  if (now === null) {
    return (
      <main id="content" class="overview" tabIndex={-1}>
        <h1 class="offscreen">{messages.value.pages.overview}</h1>
        <p class="waiting">{messages.value.connection.connecting}…</p>
      </main>
    );
  }
  return (
    <main id="content" class="overview" tabIndex={-1}>
      <VerdictBand status={now} />
      <FaultList faults={now.faults} />
      <div class="tiles">
        <SourceTile sources={now.sources} />
        <OpcUaTile opcua={now.opcua} />
        <AlarmsTile alarms={now.alarms} />
        <FreshnessTile tags={now.tags} />
        <IngestTile tags={now.tags} />
        <StorageTile history={now.history} />
        <SystemTile status={now} />
      </div>
      <EventList />
    </main>
  );
}
