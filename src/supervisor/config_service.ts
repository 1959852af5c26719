import { getLogger } from "@logtape/logtape";
import { configValues, shownValue } from "../config/config_diff.ts";
import { formatKeyPath } from "../config/key_path.ts";
import type { LoadResult } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { SecretMask } from "../config/secret_mask.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { removeLeftovers, replaceFile } from "../config/write_file.ts";
import { ConfigEvents } from "./config_events.ts";
import { planTakeOver, type TakeOver } from "./config_plan.ts";
import { proposedText, RefusedChange } from "./config_proposal.ts";
import { ConfigVersions } from "./config_versions.ts";
import { ReplaceError, type RoleControl } from "./host_service.ts";
import type { Grant } from "./permissions.ts";
import { withoutSecretsToCompare } from "./secret_comparison.ts";
import {
  type Asker,
  type ConfigOutcome,
  type ConfigPlan,
  type HostCalls,
  HostRefusal,
  type ReloadTrigger,
} from "./role_protocol.ts";
import { OneAtATime } from "./one_at_a_time.ts";

const log = getLogger(["edgekeep", "supervisor"]);

/** A configuration that may run. */
export type LoadedConfig = Extract<LoadResult, { ok: true }>;

/** What a {@link ConfigService} is made of. */
export interface ConfigServiceOptions {
  /** What the process was started with. */
  readonly loaded: LoadedConfig;
  /** Judges a text in the file's place, with everything that judges it at the start. */
  readonly load: (text: string) => Promise<LoadResult>;
  /** Which role it configures: `gateway` unless told. */
  readonly role?: ConfiguredRole;
  /** What the worker needs with a configuration. */
  readonly grantsOf: (config: Config) => readonly Grant[];
  readonly control: RoleControl;
  /** Folder of the versions. */
  readonly versionsDir: string;
  /** Told of the secrets of a configuration before anything of it can be logged. */
  readonly onSecrets: (secrets: readonly string[]) => void;
  /** Told when another level is configured. */
  readonly onLevel: (level: Config["logging"]["level"]) => void;
  readonly nowUs: () => number;
  /** Time between the answer to a caller and the restart that would cut it off, ms. Default 500. */
  readonly graceMs?: number;
}

/** An attempt whose end nobody waits for: what the caller hears, and what is done when the answer is on its way. */
interface Attempt {
  readonly outcome: ConfigOutcome;
  readonly later?: () => Promise<void>;
}

interface Taking {
  readonly by: Asker;
  readonly trigger: ReloadTrigger;
  /** What stands in the file now. */
  readonly disk: string;
  /** What shall stand there. */
  readonly text: string;
  readonly startedMs: number;
}

const nothing: Pick<ConfigOutcome, "ok" | "findings" | "changes" | "effect" | "version"> = {
  ok: false,
  findings: [],
  changes: [],
  effect: null,
  version: null,
};

/**
 * The configuration of the running gateway: shows it, plans and applies changes of its file, keeps every version. Edits,
 * reloads and restores happen one after the other. Nothing is half applied: what cannot be taken over leaves the file and
 * what runs as they were.
 *
 * An attempt that restarts what its caller is connected to (all parts, or the caller's own listener) is answered when the
 * file is written, and taken over shortly after; how that went is in the log, the audit and the list of versions.
 */
export class ConfigService {
  readonly #options: ConfigServiceOptions;
  readonly #versions: ConfigVersions;
  readonly #events: ConfigEvents;
  readonly #mask = new SecretMask();
  readonly #inOrder = new OneAtATime();
  readonly #stopping = new AbortController();
  #loaded: LoadedConfig;
  /** What runs: the loaded one, but for values that only a new process takes. */
  #config: Config;
  /** What the present worker may touch. */
  #held: readonly Grant[];

  private constructor(options: ConfigServiceOptions, versions: ConfigVersions) {
    this.#options = options;
    this.#versions = versions;
    this.#events = new ConfigEvents(options.loaded.file, (entry) => options.control.audit(entry));
    this.#loaded = options.loaded;
    this.#config = options.loaded.config;
    this.#held = options.grantsOf(this.#config);
  }

  /** Opens the versions and keeps the configuration of the start as one, when it is not the newest already. */
  static async open(options: ConfigServiceOptions): Promise<ConfigService> {
    const versions = await ConfigVersions.open(options.versionsDir);
    const service = new ConfigService(options, versions);
    await removeLeftovers(options.loaded.file);
    await service.#keepStart();
    return service;
  }

  /** What a worker that is started now shall run with. */
  get config(): Config {
    return this.#config;
  }

  /** What a worker that is started now shall be allowed. */
  takeGrants(): readonly Grant[] {
    this.#held = this.#options.grantsOf(this.#config);
    return this.#held;
  }

  /** The file's text and the running values, without secrets. */
  async get(): Promise<HostCalls["config.get"]["answer"]> {
    const { file, origins, secrets } = this.#loaded;
    let text: string;
    try {
      text = await this.#readFile();
    } catch (error) {
      throw error instanceof RefusedChange ? new HostRefusal("io", error.message) : error;
    }
    const hidden = (shown: string) =>
      secrets.reduce((left, secret) => secret.length < 6 ? left : left.replaceAll(secret, "***"), shown);
    const values = [...configValues(this.#config)].map(({ path, value, secret }) => ({
      path: formatKeyPath(path),
      value: hidden(shownValue(value, secret) ?? ""),
      origin: origins.get(formatKeyPath(path)) ?? "default",
    }));
    return { file, text: this.#mask.mask(text, secrets), etag: this.#mask.etag(text), values };
  }

  /** What a proposal would change, and whether it could be applied. Changes nothing. */
  async plan({ comparesSecrets = false, ...proposal }: HostCalls["config.plan"]["request"]): Promise<ConfigPlan> {
    try {
      const disk = await this.#readFile();
      const text = proposedText(proposal, disk, this.#loaded.file, this.#mask);
      const loaded = await this.#loadText(text);
      const running = comparesSecrets
        ? this.#config
        : withoutSecretsToCompare({ proposal, disk, text, running: this.#config, next: loaded });
      const takeOver = planTakeOver(running, loaded.config, this.#held, this.#options.grantsOf);
      return { ok: true, findings: loaded.findings, changes: takeOver.changes, effect: takeOver.effect };
    } catch (error) {
      if (!(error instanceof RefusedChange)) throw error;
      if (error.reason === "io") throw new HostRefusal("io", error.message);
      return { ...nothing, findings: error.findings };
    }
  }

  /** Writes a proposal to the file and takes it over. */
  apply(request: HostCalls["config.apply"]["request"]): Promise<ConfigOutcome> {
    return this.#attempt(request.by, request.trigger, async () => {
      const disk = await this.#readFile();
      this.#refuseUnseen(disk, request.etag);
      return { disk, text: proposedText(request, disk, this.#loaded.file, this.#mask) };
    });
  }

  /** Takes over what stands in the file. */
  reload(request: HostCalls["config.reload"]["request"]): Promise<ConfigOutcome> {
    return this.#attempt(request.by, request.trigger, async () => {
      const disk = await this.#readFile();
      return { disk, text: disk };
    });
  }

  versions(): HostCalls["config.versions"]["answer"] {
    return { versions: this.#versions.list() };
  }

  /** Applies an earlier version again. Rejects with a `HostRefusal` when there is none with that number. */
  async restore({ version, by }: HostCalls["config.restore"]["request"]): Promise<ConfigOutcome> {
    const text = await this.#versions.read(version);
    if (text === null) throw new HostRefusal("not_found", `There is no version ${version} of the configuration`);
    return await this.#attempt(by, "restore", async () => {
      const disk = await this.#readFile();
      this.#refuseUnseen(disk, undefined);
      return { disk, text };
    });
  }

  /** Restarts all parts with the configuration that runs, when the answer to the caller is on its way. */
  async restart(by: Asker): Promise<void> {
    await this.#inOrder.run(() => {
      log.info("{principal} asked for a restart of all parts", { event: "restart_requested", principal: by.principal });
      return Promise.resolve({
        value: undefined,
        later: () => this.#afterGrace(() => this.#replaceOrTry()),
      });
    });
  }

  /** Does something while nothing else changes. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#inOrder.run(async () => ({ value: await work() }));
  }

  /** Stops the process in order, when the answer to the caller is on its way. */
  shutdown({ principal, address }: Asker): void {
    log.info("{principal} asked for a shutdown", { event: "shutdown_requested", principal, address });
    void this.#afterGrace(() => Promise.resolve(this.#options.control.shutdown()));
  }

  /** Waits until nothing is half done, or until `force` is aborted. Whatever waits for its grace goes on at once. */
  async stop(force: AbortSignal): Promise<void> {
    this.#stopping.abort();
    const forced = Promise.withResolvers<void>();
    const onForce = () => forced.resolve();
    force.addEventListener("abort", onForce);
    if (force.aborted) onForce();
    await Promise.race([this.#inOrder.idle(), forced.promise]);
    force.removeEventListener("abort", onForce);
  }

  async #keepStart(): Promise<void> {
    const { text } = this.#loaded;
    const { current } = this.#versions;
    let before: string | null = null;
    try {
      before = current === null ? null : await this.#versions.read(current);
    } catch {
      // it is kept anew
    }
    if (before === text) return;
    const changes = before === null ? [] : await this.#changesSince(before);
    await this.#versions.add(text, { timeUs: this.#options.nowUs(), by: "start", trigger: "start", changes });
  }

  /** What changed since a version; nothing when that one is not valid any more. */
  async #changesSince(text: string): Promise<ConfigPlan["changes"]> {
    try {
      const earlier = await this.#options.load(text);
      return earlier.ok ? planTakeOver(earlier.config, this.#config, [], () => [], this.#options.role).changes : [];
    } catch {
      return [];
    }
  }

  /** One attempt to change what runs, on record from its beginning to its end. */
  async #attempt(
    by: Asker,
    trigger: ReloadTrigger,
    prepare: () => Promise<{ disk: string; text: string }>,
  ): Promise<ConfigOutcome> {
    return await this.#inOrder.run(async () => {
      const startedMs = performance.now();
      this.#events.attempted(by, trigger);
      try {
        const { outcome, later } = await this.#take({ ...await prepare(), by, trigger, startedMs });
        return { value: outcome, ...later === undefined ? {} : { later } };
      } catch (error) {
        if (!(error instanceof RefusedChange)) throw error;
        const { reason, message, findings } = error;
        const outcome = { ...nothing, findings, applied: false, reason, error: message, durationMs: since(startedMs) };
        this.#events.ended(by, trigger, outcome);
        return { value: outcome };
      }
    });
  }

  async #take(taking: Taking): Promise<Attempt> {
    const { by, trigger, disk, text, startedMs } = taking;
    const { loaded, takeOver } = await this.#judge(text);
    this.#options.onSecrets(loaded.secrets);
    if (text !== disk) await this.#writeFile(text);
    const version = text === this.#loaded.text ? this.#versions.current : await this.#versions.add(text, {
      timeUs: this.#options.nowUs(),
      by: by.address === "local" ? by.principal : `${by.principal} (${by.address})`,
      trigger,
      changes: takeOver.changes,
    });
    const done: ConfigOutcome = {
      ok: true,
      findings: loaded.findings,
      changes: takeOver.changes,
      effect: takeOver.effect,
      applied: true,
      reason: null,
      error: null,
      version,
      durationMs: since(startedMs),
    };
    const finish = async () => {
      const outcome = { ...await this.#activate(taking, loaded, takeOver, done), durationMs: since(startedMs) };
      this.#events.ended(by, trigger, outcome);
      return outcome;
    };
    if (!this.#cutsOff(by, takeOver)) return { outcome: await finish() };
    return {
      outcome: done,
      later: () =>
        this.#afterGrace(async () => {
          await finish();
        }),
    };
  }

  /** Whether taking it over would cut the caller off before the answer. */
  #cutsOff({ transport }: Asker, { replace, restart, changes }: TakeOver): boolean {
    if (transport === "signal") return false;
    if (replace || (changes.length > 0 && !this.#options.control.isReady())) return true;
    return restart.includes(/^https?$/.test(transport) ? "web" : transport === "opcua" ? "opcua" : "control");
  }

  async #activate(
    taking: Taking,
    loaded: LoadedConfig,
    { config, changes, restart, replace }: TakeOver,
    done: ConfigOutcome,
  ): Promise<ConfigOutcome> {
    const { control, onLevel } = this.#options;
    const before = { loaded: this.#loaded, config: this.#config };
    const effective = changes.some(({ effect }) => effect !== "process");
    const replaces = effective && (replace || !control.isReady());
    try {
      if (replaces) {
        this.#loaded = loaded;
        this.#config = config;
        await control.replace();
      } else if (effective) {
        await control.reconfigure({ config, restart });
      }
    } catch (error) {
      if (error instanceof ReplaceError && error.kind === "stopping") {
        // it has been judged and is in the file: the next start takes it
        return done;
      }
      this.#loaded = before.loaded;
      this.#config = before.config;
      return await this.#rollBack(taking, done, replaces, error);
    }
    this.#loaded = loaded;
    this.#config = config;
    if (config.logging.level !== before.config.logging.level) onLevel(config.logging.level);
    return done;
  }

  /** Puts back what was there before, in the file and in what runs. */
  async #rollBack(taking: Taking, done: ConfigOutcome, replaced: boolean, error: unknown): Promise<ConfigOutcome> {
    const reason = error instanceof Error ? error.message : String(error);
    const words = [reason];
    // what somebody wrote into the file by hand is left to them
    if (taking.text !== taking.disk) {
      try {
        await this.#writeFile(taking.disk);
      } catch (failed) {
        words.push(`The file could not be put back and holds what was refused: ${messageOf(failed)}`);
      }
    }
    if (done.version !== null && taking.text !== this.#loaded.text) await this.#versions.remove(done.version);
    if (error instanceof ReplaceError && error.kind === "blocked") {
      this.#options.control.giveUp("A worker with a changed configuration stopped answering while it started");
    } else if (replaced || error instanceof ReplaceError) await this.#replaceOrTry();
    return { ...done, applied: false, reason: "rolled_back", error: words.join(". "), version: null };
  }

  /** Replaces the worker; one that does not get ready is tried again until it does. */
  async #replaceOrTry(): Promise<void> {
    try {
      await this.#options.control.replace({ keepTrying: true });
    } catch (error) {
      if (!(error instanceof ReplaceError)) throw error;
      if (error.kind === "blocked") this.#options.control.giveUp(error.message);
    }
  }

  async #judge(text: string): Promise<{ loaded: LoadedConfig; takeOver: TakeOver }> {
    const loaded = await this.#loadText(text);
    return {
      loaded,
      takeOver: planTakeOver(this.#config, loaded.config, this.#held, this.#options.grantsOf, this.#options.role),
    };
  }

  async #loadText(text: string): Promise<LoadedConfig> {
    const loaded = await this.#options.load(text);
    if (!loaded.ok) {
      const errors = loaded.findings.filter(({ severity }) => severity === "error");
      throw new RefusedChange("validation", errors.map((finding) => finding.text).join(". "), loaded.findings);
    }
    return loaded;
  }

  /** Refuses to write over something that the proposal was made without knowing. */
  #refuseUnseen(disk: string, etag: string | undefined): void {
    if (etag !== undefined ? etag === this.#mask.etag(disk) : disk === this.#loaded.text) return;
    const what = etag === undefined
      ? "The file was changed since it was loaded: reload it first, or say which text the change is for"
      : "The configuration was changed meanwhile: take it as it is now, and change that";
    throw new RefusedChange("conflict", what);
  }

  async #readFile(): Promise<string> {
    try {
      return await Deno.readTextFile(this.#loaded.file);
    } catch (error) {
      throw new RefusedChange("io", `Cannot read ${this.#loaded.file}: ${messageOf(error)}`);
    }
  }

  async #writeFile(text: string): Promise<void> {
    try {
      await replaceFile(this.#loaded.file, text);
    } catch (error) {
      throw new RefusedChange("io", `Cannot write ${this.#loaded.file}: ${messageOf(error)}`);
    }
  }

  /** Does what cuts the caller off when the answer has had time to get there. Never rejects. */
  async #afterGrace(work: () => Promise<void>): Promise<void> {
    try {
      await this.#grace();
      await work();
    } catch (error) {
      log.error("Cannot finish what was begun with the configuration: {error}", { event: "config_failed", error });
    }
  }

  async #grace(): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, this.#options.graceMs ?? 500);
      signal.addEventListener("abort", end);
    });
  }
}

function messageOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
  return error instanceof Error ? error.message : String(error);
}

function since(startedMs: number): number {
  return Math.round(performance.now() - startedMs);
}
