import type { EventFeed, FeedEntry } from "../telemetry/event_feed.ts";
import type { Command, CommandState } from "./commands.ts";

/** What the feed says of the ends; states that are none are missing. */
const ends: Partial<Record<CommandState, { readonly level: FeedEntry["level"]; readonly text: string }>> = {
  transmitted: { level: "info", text: "was sent" },
  acked: { level: "info", text: "was acknowledged by the device" },
  nacked: { level: "warning", text: "was not acknowledged by the device" },
  failed: { level: "warning", text: "failed" },
  expired: { level: "warning", text: "was too late to be sent" },
  cancelled: { level: "info", text: "was cancelled" },
  timed_out: { level: "warning", text: "was sent, and no acknowledgement came in time" },
  unknown: { level: "warning", text: "may have been sent or not: it is not sent again" },
};

/** Adds a line to the feed for a command that has ended. */
export function tellEnd({ devEui, command, state, detail }: Command, feed: EventFeed): void {
  const end = ends[state];
  if (end === undefined) return;
  const why = detail === null ? "" : `: ${detail.slice(0, 256)}`;
  feed.add(end.level, `command_${state}`, devEui, `The command '${command}' ${end.text}${why}`);
}
