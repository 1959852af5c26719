import { batch, computed, signal } from "@preact/signals";
import type { EventAnswer, HubStatusAnswer, StatusAnswer, TagChangeAnswer } from "../web/api_schema.ts";
import { readEvents, readQualities, readTags } from "./api_client.ts";
import { gatewayNowMs, nowMs, setGatewayTime } from "./clock.ts";
import { type LinkState, LiveLink } from "./live_link.ts";
import { askSession, face, session } from "./session/session.ts";
import { TagCells } from "./tag_cells.ts";

/** A list of a hub. */
export type MeshTopic = "nodes" | "links" | "policy" | "tokens" | "keys";

const EVENTS_KEPT = 100;
const RATES_KEPT = 150;

/** How the link to the gateway is. */
export const linkState = signal<LinkState>("connecting");
/** When the last message came before the link was lost, ms of the gateway's clock. */
export const lostSinceMs = signal(0);
/** The newest status of whatever serves this page; `null` before the first. */
export const status = signal<StatusAnswer | HubStatusAnswer | null>(null);
/** The newest status of a gateway; `null` before the first, and on a hub. */
export const plantStatus = computed(() => status.value?.role === "gateway" ? status.value : null);
/** Whether what serves this page is the hub of a mesh. */
export const isHub = computed(() => session.value?.service === "hub");
/** How often each list of a hub has changed since this page was opened: what shows one reads it anew. */
export const meshChanges = signal<Readonly<Record<MeshTopic, number>>>({
  nodes: 0,
  links: 0,
  policy: 0,
  tokens: 0,
  keys: 0,
});
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
  const stream = isHub.peek() ? "/api/v1/hub/stream" : "/api/v1/tags/stream";
  const opened = new LiveLink(`${stream}?with=status,events`, {
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
        if (!isHub.peek()) readList();
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
        if (data.role === "gateway") {
          rates.value = [...rates.value.slice(1 - RATES_KEPT), data.tags.samplesPerSecond];
        }
      });
      break;
    case "mesh":
      meshChanges.value = data.topics.reduce(
        (counts: Record<MeshTopic, number>, topic: MeshTopic) => ({ ...counts, [topic]: counts[topic] + 1 }),
        meshChanges.value,
      );
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
