import { request } from "../api_request.ts";
import type { AlarmEventView, AlarmView, CommandDefinitionView, CommandView, PageOf } from "../operate_answers.ts";

const ALARMS = "/api/v1/alarms";
const COMMANDS = "/api/v1/commands";
const PAGE = "200";

/** What can be done with an alarm. */
export type AlarmAct = "ack" | "confirm" | "comment" | "shelve" | "unshelve";

/** Every alarm, or those that somebody should look at. */
export async function readAlarms(onlyRetained: boolean, signal: AbortSignal): Promise<readonly AlarmView[]> {
  const found: AlarmView[] = [];
  let cursor: string | null = null;
  do {
    const query = {
      limit: PAGE,
      ...(onlyRetained ? { retain: "true" } : {}),
      ...(cursor === null ? {} : { cursor }),
    };
    const page: PageOf<AlarmView, string> = await request("GET", ALARMS, { query, signal });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return found;
}

/** The newest events of all alarms. */
export async function readJournal(signal: AbortSignal): Promise<readonly AlarmEventView[]> {
  const query = { limit: PAGE, newestFirst: "true" };
  return (await request<PageOf<AlarmEventView, string>>("GET", `${ALARMS}/journal`, { query, signal })).items;
}

/**
 * Does something with an alarm, as it was seen: refused when it has changed since.
 *
 * @param more comment, and for `shelve` the time in seconds
 */
export async function actOnAlarm(
  act: AlarmAct,
  { id, event }: AlarmView,
  more: { readonly comment?: string; readonly seconds?: number } = {},
): Promise<void> {
  const { comment, ...rest } = more;
  const body = {
    id,
    ...(event === null ? {} : { event }),
    ...(comment === undefined || comment.trim() === "" ? {} : { comment }),
    ...rest,
  };
  await request("POST", `${ALARMS}/${act}`, { body });
}

/** Every command that can be sent. */
export async function readDefinitions(signal: AbortSignal): Promise<readonly CommandDefinitionView[]> {
  const found: CommandDefinitionView[] = [];
  let cursor: string | null = null;
  do {
    const query = { limit: PAGE, ...(cursor === null ? {} : { cursor }) };
    const page: PageOf<CommandDefinitionView, string> = await request("GET", `${COMMANDS}/definitions`, {
      query,
      signal,
    });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return found;
}

/** The newest commands that were sent to a device, or to any. */
export async function readCommands(device: string | null, signal: AbortSignal): Promise<readonly CommandView[]> {
  const query = { limit: "50", ...(device === null ? {} : { device }) };
  return (await request<PageOf<CommandView, number>>("GET", COMMANDS, { query, signal })).items;
}

/**
 * Sends a command.
 *
 * @param key the same key sends the command once, however often it is asked for
 */
export function sendCommand(
  { device, name }: CommandDefinitionView,
  args: Readonly<Record<string, boolean | number | string>>,
  key: string,
): Promise<CommandView> {
  return request("POST", COMMANDS, { body: { device, command: name, args, key } });
}

/** Takes a command back that was not sent yet. */
export async function cancelCommand(id: string): Promise<void> {
  await request("POST", `${COMMANDS}/${encodeURIComponent(id)}/cancel`);
}
