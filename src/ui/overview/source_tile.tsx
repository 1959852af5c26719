import type { StatusAnswer } from "../../web/api_schema.ts";
import { nowMs } from "../clock.ts";
import { messages } from "../messages/messages.ts";
import { Age } from "../parts/age.tsx";
import { Fact, Facts } from "../parts/facts.tsx";
import { format } from "../parts/language.ts";
import { QualityShape } from "../parts/quality_mark.tsx";
import { Tile } from "./tile.tsx";

type Source = StatusAnswer["sources"][number];

/** Where field data comes from and how that goes. */
export function SourceTile({ sources }: { readonly sources: readonly Source[] }) {
  const words = messages.value.source;
  return (
    <Tile id="sources" heading={messages.value.tiles.sources}>
      {sources.length === 0
        ? (
          <>
            <p class="figure">
              <strong>{words.none}</strong>
            </p>
            <p class="hint">{words.noneHint}</p>
          </>
        )
        : sources.map((source) => <SourceFacts key={source.name} source={source} />)}
    </Tile>
  );
}

const standings = {
  connected: "good",
  connecting: "waiting",
  stopped: "waiting",
  degraded: "uncertain",
  disconnected: "bad",
} as const;

function SourceFacts({ source }: { readonly source: Source }) {
  const words = messages.value.source;
  const { count, span } = format.value;
  const mode = Object.hasOwn(words.modes, source.mode) ? words.modes[source.mode as "stream"] : source.mode;
  return (
    <>
      <p class={`figure source-${source.state}`}>
        <QualityShape standing={standings[source.state]} />
        <strong>{words.states[source.state]}</strong>{" "}
        <span>
          {source.name === "chirpstack" ? "ChirpStack" : source.name}, {mode}
        </span>
      </p>
      <Facts>
        <Fact name={words.address}>
          <span class="mono">{source.address}</span>
        </Fact>
        <Fact name={words.since}>{span(nowMs.value - Date.parse(source.since))}</Fact>
        {source.mode === "stream"
          ? (
            <Fact name={words.streams} tone={source.devicesStreaming < source.devices ? "warning" : undefined}>
              {words.devicesOf(count(source.devicesStreaming), count(source.devices))}
            </Fact>
          )
          : <Fact name={words.devices}>{count(source.devices)}</Fact>}
        <Fact name={words.lastEvent}>
          <Age timeMs={source.lastEvent === null ? null : Date.parse(source.lastEvent)} />
        </Fact>
        <Fact name={words.errors}>{count(source.decodingErrors)}</Fact>
        <Fact name={words.reconnects}>{count(source.reconnects)}</Fact>
        {source.lastError !== null && source.state !== "connected" && (
          <Fact name={words.lastError} tone="error">{source.lastError}</Fact>
        )}
      </Facts>
    </>
  );
}
