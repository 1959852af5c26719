import { batch, computed, signal } from "@preact/signals";
import type { EventAnswer, StatusAnswer, TagChangeAnswer } from "../web/api_schema.ts";
import { readEvents, readQualities, readTags } from "./api_client.ts";
import { gatewayNowMs, nowMs, setGatewayTime } from "./clock.ts";
import { type LinkState, LiveLink } from "./live_link.ts";
import { askSession, face } from "./session/session.ts";
import { TagCells } from "./tag_cells.ts";

const EVENTS_KEPT = 100;
const RATES_KEPT = 150;

/** How the link to the gateway is. */
export const linkState = signal<LinkState>("connecting");
/** When the last message came before the link was lost, ms of the gateway's clock. */
export const lostSinceMs = signal(0);
/** The newest status; `null` before the first. */
export const status = signal<StatusAnswer | null>(null);
/** Whether what serves this page is a hub of a mesh. */
export const isHub = computed(() => status.value !== null && "hub" in status.value);
/** The newest events, newest first. */
export const events = signal<readonly EventAnswer[]>([]);
/** Samples per second of the last statuses, oldest first: five minutes at one each 2 s. */
export const rates = signal<readonly number[]>([]);
/** All tags. */
export const tagCells = new TagCells();

let instance = "";
let link: LiveLink | null = null;

/** Connects to the gateway and keeps the signals of this module up to date. Returns what ends it and forgets all. */
export function followGateway(): () => void {
  const opened = new LiveLink("/api/v1/tags/stream?with=status,events", {
    onMessage,
    onState: (state, sinceMs) => {
      batch(() => {
        linkState.value = state;
        lostSinceMs.value = sinceMs - Date.now() + gatewayNowMs();
      });
    },
    mayListen: async () => {
      await askSession();
      return face.value === "open";
    },
  });
  link = opened;
  opened.start();
  return () => {
    opened.stop();
    link = null;
    instance = "";
    batch(() => {
      linkState.value = "connecting";
      status.value = null;
      events.value = [];
      rates.value = [];
      tagCells.clear();
    });
  };
}

/** Tries to connect at once. */
export function tryNow(): void {
  link?.tryNow();
}

// deno-lint-ignore no-explicit-any -- the stream's data is what this same program's web room makes
function onMessage(event: string, data: any): void {
  switch (event) {
    case "hello":
      setGatewayTime(data.now);
      nowMs.value = gatewayNowMs();
      if (instance !== data.instance) {
        instance = data.instance;
        events.value = [];
        readList();
      }
      readFeed();
      break;
    case "definitions":
      readList();
      break;
    case "tags":
      tagCells.apply(data as TagChangeAnswer[]);
      break;
    case "status":
      setGatewayTime(data.now);
      batch(() => {
        status.value = data;
        rates.value = [...rates.value.slice(1 - RATES_KEPT), data.tags.samplesPerSecond];
      });
      break;
    case "event":
      addEvents([data]);
      break;
    case "heartbeat":
      setGatewayTime(data.now);
      break;
  }
}

function addEvents(entries: readonly EventAnswer[]): void {
  const known = new Map(events.value.map((entry) => [entry.sequence, entry]));
  for (const entry of entries) known.set(entry.sequence, entry);
  events.value = [...known.values()].sort((a, b) => b.sequence - a.sequence).slice(0, EVENTS_KEPT);
}

function readList(): void {
  const asked = link;
  Promise.all([readTags(), readQualities()]).then(([tags, qualities]) => {
    // meanwhile somebody else may have logged in
    if (link !== asked) return;
    tagCells.setQualities(qualities);
    tagCells.setTags(tags);
  }).catch(() => {
    if (link !== asked) return;
    if (linkState.value === "live") setTimeout(readList, 2_000);
    // else the next hello reads it
    else instance = "";
  });
}

function readFeed(): void {
  const asked = link;
  readEvents(EVENTS_KEPT).then(({ items }) => {
    if (link === asked) addEvents(items);
  }).catch(() => {
    // the next hello reads it again
  });
}
