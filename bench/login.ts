import { openAccess } from "../src/access/open_access.ts";
import { defaultCost } from "../src/access/password_hash.ts";
import type { Origin } from "../src/access/principal.ts";
import { EventFeed } from "../src/telemetry/event_feed.ts";
import { FaultBoard } from "../src/telemetry/fault_board.ts";
import { type BenchOptions, type BenchRow, percentile } from "./bench_row.ts";

const user = { name: "anna", password: "correct horse battery", role: "admin" } as const;
const from = (address: string): Origin => ({ transport: "https", address });
const here = from("192.0.2.1");
/** Time after which a right password is hashed again, µs. */
const FORGOTTEN_US = 301_000_000;

/**
 * What it costs to be let in: a login with its password hash, one whose password was right a moment ago, one of somebody
 * unknown (which must not be told apart), a login amid a flood of others, and the check of a token and of a session.
 */
export async function benchLogin({ full }: BenchOptions): Promise<BenchRow[]> {
  const dataDir = await Deno.makeTempDir({ prefix: "edgekeep-bench-" });
  const clock = { us: Date.now() * 1000 };
  const nowUs = () => clock.us;
  const access = await openAccess({
    dataDir,
    settings: { configUser: null, controlToken: null, sessionIdleMs: 365 * 86_400_000 },
    faults: new FaultBoard(nowUs),
    feed: new EventFeed(nowUs),
    nowUs,
  });
  try {
    await access.addUser(user);
    const rounds = full ? 100 : 20;
    const login = async () => {
      const answer = await access.password(user.name, user.password, here);
      if (!answer.ok) throw new Error(`The login was refused: ${answer.reason}`);
      return answer.principal;
    };
    await login();
    const cold = await timed(rounds, async () => {
      clock.us += FORGOTTEN_US;
      await login();
    });
    const warm = await timed(rounds * 10, async () => void await login());
    const unknown = await timed(
      rounds,
      async (i) => void await access.password(`user${i}`, "whatever it is", from(`10.0.0.${i}`)),
    );
    clock.us += FORGOTTEN_US;
    const strangers = Array.from(
      { length: 100 },
      (_, i) => access.password(`many${i}`, "whatever it is", from(`10.1.0.${i}`)),
    );
    const [amid = NaN] = await timed(1, async () => void await login());
    await Promise.all(strangers);

    const { token } = access.createToken({ label: "bench", role: "viewer", lifetimeSeconds: null }, user.name);
    const { cookie } = access.openSession(await login(), here, "bench");
    const checks = 20_000;
    const memory = 128 * 2 ** defaultCost.logN * defaultCost.r / 1_048_576;
    return [
      {
        name: "login, password hashed, p50",
        value: percentile(cold, 0.5),
        unit: "ms",
        must: 300,
        note: `scrypt N=2^${defaultCost.logN} r=${defaultCost.r} p=${defaultCost.p}, ${memory} MiB, off the event loop`,
      },
      { name: "login, password hashed, p95", value: percentile(cold, 0.95), unit: "ms", must: 300 },
      { name: "login of an unknown name, p50", value: percentile(unknown, 0.5), unit: "ms" },
      { name: "login of a known user amid 100 strangers' logins", value: amid, unit: "ms" },
      { name: "login, password right within five minutes, p50", value: percentile(warm, 0.5), unit: "ms" },
      { name: "token checks", value: perSecond(checks, () => access.token(token, here).ok), unit: "/s" },
      { name: "session checks", value: perSecond(checks, () => access.session(cookie, here).ok), unit: "/s" },
    ];
  } finally {
    access.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Durations of so many rounds, ms. */
async function timed(rounds: number, work: (round: number) => Promise<void>): Promise<number[]> {
  const durations: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const begin = performance.now();
    await work(i);
    durations.push(performance.now() - begin);
  }
  return durations;
}

function perSecond(times: number, check: () => boolean): number {
  const begin = performance.now();
  for (let i = 0; i < times; i++) if (!check()) throw new Error("A good credential was refused");
  return times / ((performance.now() - begin) / 1000);
}
