import { pause } from "../telemetry/pause.ts";
import { Command, InvalidArgumentError } from "commander";
import {
  connectControl,
  type ControlClient,
  type ControlClientOptions,
  ControlRefusal,
  ControlUnreachable,
} from "../control/control_client.ts";
import { ExitCode } from "./exit_code.ts";
import { print } from "./print.ts";
import { FullScreen, isScreen, type Key } from "./terminal/full_screen.ts";
import { introduced, type ReachChoice, reportFailure, withGateway, withReachOptions } from "./terminal/reach.ts";
import { type EventView, type Snapshot, statusFrame } from "./terminal/status_frame.ts";

interface UiChoice extends ReachChoice {
  readonly interval: number;
  readonly once?: boolean;
}

/** Tags that are asked for; a terminal shows them page by page. */
const MOST_TAGS = 1000;
const MOST_EVENTS = 20;
const PLAIN_COLUMNS = 120;

/** `edgekeep ui`: how a running gateway is doing, in the terminal, again and again. */
export function uiCommand(): Command {
  return withReachOptions(new Command("ui"))
    .description("watch a running gateway in the terminal: verdict, sources, sessions, values, faults, events")
    .option("--interval <seconds>", "seconds between two looks, 0.2 to 3600", seconds, 2)
    .option("--once", "print one picture and end; so it does without a terminal")
    .addHelpText(
      "after",
      "\nExamples:\n  edgekeep ui\n  edgekeep ui --endpoint tcp://192.168.10.5:17777 --token-file token --fingerprint AB:CD:…",
    )
    .action(async (choice: UiChoice) => {
      try {
        Deno.exitCode = choice.once === true || !isScreen() ? await printOnce(choice) : await watch(choice);
      } catch (error) {
        Deno.exitCode = reportFailure(error);
      }
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0.2 && value <= 3600) return value;
  throw new InvalidArgumentError("It must be a number of seconds from 0.2 to 3600.");
}

async function printOnce(choice: UiChoice): Promise<number> {
  const snapshot = await withGateway(choice, look);
  const columns = Deno.stdout.isTerminal() ? Deno.consoleSize().columns : PLAIN_COLUMNS;
  const shape = { columns, rows: null, offset: 0, notice: null, keys: false };
  const { lines } = statusFrame(snapshot, { ...shape, colour: hasColour() });
  print(`${lines.join("\n")}\n`);
  return ExitCode.Ok;
}

/** Looks until somebody quits. A gateway that is lost is looked for again; one that refuses ends it. */
async function watch(choice: UiChoice): Promise<number> {
  // before the terminal is taken over: what is wrong with the command line, and the question for the token
  const { reach, token, result } = await introduced(choice, look);
  const quit = new AbortController();
  const onSignal = () => quit.abort();
  for (const signal of endings) Deno.addSignalListener(signal, onSignal);
  try {
    await using view = new View(result, () => quit.abort());
    await using link = new Link({ ...reach, token, signal: quit.signal });
    while (!quit.signal.aborted) {
      await pause(choice.interval * 1000, quit.signal);
      if (quit.signal.aborted) break;
      try {
        view.show(await look(await link.client()));
      } catch (error) {
        if (quit.signal.aborted) break;
        if (isFinal(error)) throw error;
        view.tell(`Trying again: ${(error as Error).message}`);
      }
    }
    return ExitCode.Ok;
  } finally {
    for (const signal of endings) Deno.removeSignalListener(signal, onSignal);
  }
}

const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** One connection, made again when it is lost. */
class Link implements AsyncDisposable {
  readonly #options: ControlClientOptions;
  #client: ControlClient | null = null;

  constructor(options: ControlClientOptions) {
    this.#options = options;
  }

  async client(): Promise<ControlClient> {
    if (this.#client === null || !this.#client.connected) this.#client = await connectControl(this.#options);
    return this.#client;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client?.close();
    return Promise.resolve();
  }
}

/** The newest picture on the whole terminal. */
class View implements AsyncDisposable {
  readonly #screen: FullScreen;
  readonly #draw = () => this.#paint();
  #snapshot: Snapshot;
  #notice: string | null = null;
  #offset = 0;
  #tagRows = 1;

  constructor(snapshot: Snapshot, onQuit: () => void) {
    this.#snapshot = snapshot;
    this.#screen = new FullScreen((key) => {
      if (key === "quit") return onQuit();
      this.#offset = scrolled(this.#offset, key, this.#tagRows, this.#snapshot.tags.length);
      this.#paint();
    });
    Deno.addSignalListener("SIGWINCH", this.#draw);
    this.#paint();
  }

  show(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#notice = null;
    this.#paint();
  }

  /** Says something about the connection above the picture that is there. */
  tell(notice: string): void {
    this.#notice = notice;
    this.#paint();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Deno.removeSignalListener("SIGWINCH", this.#draw);
    await this.#screen[Symbol.asyncDispose]();
  }

  #paint(): void {
    const { columns, rows } = this.#screen.size();
    const shape = { columns, rows, offset: this.#offset, notice: this.#notice, colour: hasColour(), keys: true };
    const { lines, tagRows } = statusFrame(this.#snapshot, shape);
    this.#tagRows = tagRows;
    this.#screen.draw(lines);
  }
}

/** What one picture needs, asked for at once. */
async function look(client: ControlClient): Promise<Snapshot> {
  const [status, tags, events] = await Promise.all([
    client.call("status"),
    client.call("tags.list", { limit: MOST_TAGS }),
    newestEvents(client),
  ]);
  const { items, total } = tags as { readonly items: Snapshot["tags"]; readonly total: number };
  return { status: status as Snapshot["status"], tags: items, tagCount: total, events };
}

async function newestEvents(client: ControlClient): Promise<EventView[]> {
  const events: EventView[] = [];
  for await (const item of client.stream("events.tail", { limit: MOST_EVENTS })) events.push(item as EventView);
  return events;
}

/** Pure: the first tag shown after a key. */
function scrolled(offset: number, key: Key, page: number, tags: number): number {
  const last = Math.max(0, tags - page);
  const next = {
    up: offset - 1,
    down: offset + 1,
    page_up: offset - page,
    page_down: offset + page,
    home: 0,
    end: last,
    quit: offset,
  }[key];
  return Math.min(last, Math.max(0, next));
}

/** Whether trying again would give the same. */
function isFinal(error: unknown): boolean {
  if (error instanceof ControlUnreachable) return false;
  return !(error instanceof ControlRefusal && ["too_many", "throttled", "unavailable", "timeout"].includes(error.code));
}

function hasColour(): boolean {
  return Deno.stdout.isTerminal() && (Deno.env.get("NO_COLOR") ?? "") === "";
}
