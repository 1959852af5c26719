import { useComputed } from "@preact/signals";
import type { StatusAnswer } from "../../web/api_schema.ts";
import { nowMs } from "../clock.ts";
import { rates, tagCells } from "../gateway_state.ts";
import { messages } from "../messages/messages.ts";
import { Age } from "../parts/age.tsx";
import { Fact, Facts } from "../parts/facts.tsx";
import { format } from "../parts/language.ts";
import { QualityShape } from "../parts/quality_mark.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import { allTags, hrefOf } from "../route.ts";
import { Figure, Tile } from "./tile.tsx";

const standings = ["good", "uncertain", "bad", "waiting"] as const;

/** How many values are current, and what the others are. */
export function FreshnessTile({ tags }: { readonly tags: StatusAnswer["tags"] }) {
  const words = messages.value.freshness;
  const { count } = format.value;
  const newestMs = useComputed(() => {
    nowMs.value;
    let newest = 0;
    for (const { sample } of tagCells.cells.value.values()) newest = Math.max(newest, sample.peek().sourceMs ?? 0);
    return newest === 0 ? null : newest;
  });
  const label = words.bar(count(tags.good), count(tags.uncertain), count(tags.bad), count(tags.waiting));
  const notGood = tags.uncertain + tags.bad > 0;
  const href = hrefOf({ ...allTags, show: notGood ? "not_good" : "all" });
  return (
    <Tile id="freshness" heading={messages.value.tiles.freshness} href={href}>
      <Figure value={count(tags.good)}>{words.current(count(tags.total))}</Figure>
      <div class="bar" role="img" aria-label={label}>
        {standings.filter((standing) => tags[standing] > 0).map((standing) => (
          <span key={standing} class={`bar-${standing}`} style={{ flexGrow: tags[standing] }} />
        ))}
      </div>
      <Facts>
        {standings.map((standing) => (
          <Fact
            key={standing}
            name={words[standing]}
            tone={tags[standing] === 0 || standing === "good" || standing === "waiting"
              ? undefined
              : standing === "bad"
              ? "error"
              : "warning"}
          >
            <span class={tags[standing] === 0 ? "counted counted-none" : "counted"}>
              <QualityShape standing={standing} />
              {count(tags[standing])}
            </span>
          </Fact>
        ))}
        <Fact name={words.newest}>
          <Age timeMs={newestMs.value} />
        </Fact>
      </Facts>
      <p class="lead-on">
        <a href={href}>{notGood ? words.showNotGood : words.showAll}</a>
      </p>
    </Tile>
  );
}

/** How much comes in. */
export function IngestTile({ tags }: { readonly tags: StatusAnswer["tags"] }) {
  const words = messages.value.ingest;
  const { count, number } = format.value;
  return (
    <Tile id="ingest" heading={messages.value.tiles.ingest}>
      <Figure value={number(tags.samplesPerSecond, tags.samplesPerSecond < 100 ? 1 : 0)}>{words.rate}</Figure>
      <Sparkline values={rates.value} label={words.sparkline} />
      <Facts>
        <Fact name={words.live}>{count(tags.samplesLive)}</Fact>
        <Fact name={words.backfill}>{count(tags.samplesBackfill)}</Fact>
      </Facts>
    </Tile>
  );
}
