import type { StatusAnswer } from "../../web/api_schema.ts";
import { nowMs } from "../clock.ts";
import { messages } from "../messages/messages.ts";
import { Age } from "../parts/age.tsx";
import { Fact, Facts } from "../parts/facts.tsx";
import { format } from "../parts/language.ts";
import { Figure, Tile } from "./tile.tsx";

const PENDING_NOTABLE = 10_000;

/** How the history file is doing. */
export function StorageTile({ history }: { readonly history: StatusAnswer["history"] }) {
  const words = messages.value.storage;
  const { count, bytes } = format.value;
  return (
    <Tile id="storage" heading={messages.value.tiles.storage}>
      <Figure value={bytes(history.fileBytes)}>{words.file}</Figure>
      <Facts>
        <Fact name={words.rows}>{count(history.rowsWritten)}</Fact>
        <Fact name={words.pending} tone={history.rowsPending > PENDING_NOTABLE ? "warning" : undefined}>
          {count(history.rowsPending)}
        </Fact>
        <Fact name={words.lastWrite}>
          <Age timeMs={history.lastWrite === null ? null : Date.parse(history.lastWrite)} />
        </Fact>
        <Fact name={words.lastBackup}>
          <Age timeMs={history.lastBackup === null ? null : Date.parse(history.lastBackup)} />
        </Fact>
        <Fact name={words.integrity} tone={history.integrity === "failed" ? "error" : undefined}>
          {words.integrities[history.integrity]}
        </Fact>
      </Facts>
    </Tile>
  );
}

/** The gateway itself. */
export function SystemTile({ status }: { readonly status: StatusAnswer }) {
  const words = messages.value.system;
  const { span, bytes } = format.value;
  return (
    <Tile id="system" heading={messages.value.tiles.system}>
      <Figure value={span(nowMs.value - Date.parse(status.started))}>{words.uptime}</Figure>
      <Facts>
        <Fact name={words.memory}>{bytes(status.process.rssBytes)}</Fact>
        <Fact name={words.version}>{status.version}</Fact>
        {status.site !== "" && <Fact name={words.site}>{status.site}</Fact>}
        <Fact name={words.id}>
          <span class="mono">{status.id}</span>
        </Fact>
      </Facts>
    </Tile>
  );
}
