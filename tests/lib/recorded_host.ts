import type { Host, HostCallName, HostCalls } from "../../src/supervisor/role_protocol.ts";

const outcome = {
  ok: true,
  findings: [],
  changes: [{ path: "gateway.site", before: '"North"', after: '"South"', effect: "live" }],
  effect: "live",
  applied: true,
  reason: null,
  error: null,
  version: 2,
  durationMs: 12,
} as const;

/** A supervisor that notes what it is asked and answers as one whose configuration is in order. */
export class RecordedHost implements Host {
  readonly calls: { name: HostCallName; request: unknown }[] = [];
  /** What to answer instead; thrown when it is an error. */
  readonly answers: { [K in HostCallName]?: HostCalls[K]["answer"] | Error } = {};

  call<K extends HostCallName>(name: K, request: HostCalls[K]["request"]): Promise<HostCalls[K]["answer"]> {
    this.calls.push({ name, request });
    const answer: unknown = this.answers[name] ?? usual[name];
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as HostCalls[K]["answer"]);
  }
}

const usual: { [K in HostCallName]: HostCalls[K]["answer"] } = {
  "config.get": {
    file: "/etc/edgekeep/edgekeep.toml",
    text: '[gateway]\nsite = "North"\n',
    etag: "e1",
    values: [{ path: "gateway.site", value: '"North"', origin: "file" }],
  },
  "config.plan": { ok: true, findings: [], changes: outcome.changes, effect: "live" },
  "config.apply": outcome,
  "config.reload": outcome,
  "config.versions": {
    versions: [{
      version: 1,
      timeUs: 1_768_003_200_000_000,
      by: "anna",
      trigger: "web",
      changes: outcome.changes,
      current: true,
    }],
  },
  "config.restore": outcome,
  "log.level": { level: "debug" },
  "pki.renew": { notAfterUs: 1_800_000_000_000_000, fingerprint: Array(32).fill("AB").join(":") },
  "restart": {},
  "shutdown": {},
};
