import assert from "node:assert/strict";
import { join } from "node:path";
import { configSchema, type TlsConfig } from "../config/schema.ts";
import { EventFeed } from "../telemetry/event_feed.ts";
import { FaultBoard } from "../telemetry/fault_board.ts";
import { makeServerCertificate } from "./make_certificate.ts";
import { openServerCertificate } from "./open_server_certificate.ts";
import type { ServerCertificate } from "./server_certificate.ts";
import { waitFor } from "../../tests/lib/wait_for.ts";

const DAY_US = 86_400_000_000;
const NEVER_MS = 3_600_000;

/** A folder with a pair, a clock to turn, and everything that the watch reports to. */
class World {
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  nowUs = Date.now() * 1000;

  constructor(readonly folder: string) {
    this.faults = new FaultBoard(() => this.nowUs);
    this.feed = new EventFeed(() => this.nowUs);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async writePair(days = 825, names = ["localhost"]): Promise<{ cert: string; key: string }> {
    const pair = await makeServerCertificate({ names, days });
    await Deno.writeTextFile(this.path("cert.pem"), pair.cert);
    await Deno.writeTextFile(this.path("key.pem"), pair.key);
    return pair;
  }

  config(more: Partial<TlsConfig> = {}): TlsConfig {
    const cert_path = this.path("cert.pem");
    const key_path = this.path("key.pem");
    return { ...configSchema.parse({}).runtime.tls, mode: "self-managed", cert_path, key_path, ...more };
  }

  open(more: Partial<TlsConfig> = {}, checkEveryMs = NEVER_MS): Promise<ServerCertificate> {
    const { faults, feed } = this;
    return openServerCertificate({ config: this.config(more), faults, feed, nowUs: () => this.nowUs, checkEveryMs });
  }

  codes(): string[] {
    return this.faults.list().map(({ code }) => code);
  }
}

async function inWorld(test: (world: World) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-tls-" });
  try {
    await test(new World(folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a pair that cannot be used at the start is refused with exit code 6", () =>
  inWorld(async (world) => {
    await assert.rejects(world.open(), { code: "unreadable", exitCode: 6, message: /cert\.pem.*it does not exist/ });
    const pair = await world.writePair();
    await Deno.writeTextFile(world.path("key.pem"), "nonsense");
    await assert.rejects(world.open(), { code: "no_key", exitCode: 6 });
    await Deno.writeTextFile(world.path("key.pem"), (await makeServerCertificate({ names: ["a"] })).key);
    await assert.rejects(world.open(), { code: "key_mismatch", exitCode: 6 });
    await Deno.writeTextFile(world.path("key.pem"), pair.key);
    await assert.rejects(world.open({ client_auth: "require" }), { code: "unreadable", message: /ca_path is not set/ });
    await Deno.writeTextFile(world.path("ca.pem"), pair.key);
    const ca_path = world.path("ca.pem");
    await assert.rejects(world.open({ client_auth: "optional", ca_path }), { message: /ca_path for client cert/ });
    assert.deepEqual(world.codes(), []);
  }));

Deno.test("a new pair is taken over and told to the listeners until they leave", () =>
  inWorld(async (world) => {
    const first = await world.writePair();
    const watched = await world.open();
    try {
      assert.equal(watched.material.cert, first.cert);
      assert.equal(watched.material.clientCa, null);
      const told: string[] = [];
      watched.onChange(() => {
        throw new Error("a listener of its own kind");
      });
      const leave = watched.onChange(({ cert }) => told.push(cert));
      await watched.check();
      assert.deepEqual(told, []);
      const second = await world.writePair(825, ["other.local"]);
      await watched.check();
      assert.deepEqual(told, [second.cert]);
      assert.deepEqual(watched.facts.names, ["other.local"]);
      assert.equal(watched.material.cert, second.cert);
      assert.deepEqual(world.feed.since().map(({ event }) => event), ["tls_certificate_changed"]);
      leave();
      await world.writePair();
      await watched.check();
      assert.equal(told.length, 1);
    } finally {
      watched.stop();
    }
  }));

Deno.test("files that are replaced one after the other are waited for, and the old pair goes on meanwhile", () =>
  inWorld(async (world) => {
    const first = await world.writePair();
    const watched = await world.open();
    try {
      const next = await makeServerCertificate({ names: ["next.local"] });
      await Deno.writeTextFile(world.path("cert.pem"), next.cert);
      await watched.check();
      assert.equal(watched.material.cert, first.cert);
      assert.deepEqual(world.codes(), ["tls_certificate_unusable"]);
      await Deno.writeTextFile(world.path("key.pem"), next.key);
      await watched.check();
      assert.deepEqual(watched.facts.names, ["next.local"]);
      assert.deepEqual(world.codes(), []);
    } finally {
      watched.stop();
    }
  }));

Deno.test("by itself the watch takes a new pair over, and reports a broken one only when it stays", () =>
  inWorld(async (world) => {
    const first = await world.writePair();
    const watched = await world.open({}, 10);
    try {
      const seen: string[] = [];
      world.faults.subscribe(({ code }, active) => seen.push(`${code} ${active}`));
      await Deno.writeTextFile(world.path("cert.pem"), "half a file");
      // the watch may have seen the file while it was still empty
      const fault = await waitFor(
        "the fault",
        () =>
          world.faults.list().find(({ code, detail }) => code === "tls_certificate_unusable" && /not PEM/.test(detail)),
      );
      assert.match(fault.detail, /The certificate that was read before goes on/);
      assert.equal(fault.subject, world.path("cert.pem"));
      assert.equal(watched.material.cert, first.cert);
      await world.writePair(825, ["mended.local"]);
      await waitFor("the new pair", () => watched.facts.names[0] === "mended.local");
      await waitFor("the fault to go", () => world.codes().length === 0);
      assert.equal(seen[0], "tls_certificate_unusable true");
      assert.equal(seen.at(-1), "tls_certificate_unusable false");
    } finally {
      watched.stop();
    }
  }));

Deno.test("the old pair put back is no change, and takes the fault away", () =>
  inWorld(async (world) => {
    const first = await world.writePair();
    const watched = await world.open();
    try {
      let changes = 0;
      watched.onChange(() => changes++);
      await Deno.remove(world.path("key.pem"));
      await watched.check();
      assert.deepEqual(world.codes(), ["tls_certificate_unusable"]);
      await Deno.writeTextFile(world.path("key.pem"), first.key);
      await watched.check();
      assert.deepEqual(world.codes(), []);
      assert.equal(changes, 0);
    } finally {
      watched.stop();
    }
  }));

Deno.test("the end is announced, warned of, counted down, and never passes silently", () =>
  inWorld(async (world) => {
    await world.writePair(100);
    const watched = await world.open();
    try {
      const endUs = watched.facts.notAfterUs;
      const at = async (daysBefore: number) => {
        world.nowUs = endUs - daysBefore * DAY_US;
        await watched.check();
        return [world.codes().join(), world.faults.list()[0]?.detail ?? "", world.feed.since().length] as const;
      };
      assert.deepEqual(await at(61), ["", "", 0]);
      assert.deepEqual(await at(59.5), ["", "", 1]);
      assert.match(world.feed.since()[0]?.text ?? "", /valid for 60 more days/);
      assert.deepEqual(await at(31), ["", "", 1]);
      const until = new Date(endUs / 1000).toISOString().slice(0, 10);
      const [code, detail] = await at(29.5);
      assert.deepEqual([code, detail], [
        "tls_certificate_expiring",
        `${world.path("cert.pem")} is valid until ${until}`,
      ]);
      assert.match((await at(6.5))[1], /: 7 days are left$/);
      assert.match((await at(1.5))[1], /: 2 days are left$/);
      assert.match((await at(0.5))[1], /: this is its last day$/);
      const [ended, words] = await at(-0.5);
      assert.equal(ended, "tls_certificate_expired");
      assert.match(words, /ended on/);
      // a new one mends it without a restart
      await world.writePair(100);
      world.nowUs = Date.now() * 1000;
      await watched.check();
      assert.deepEqual(world.codes(), []);
    } finally {
      watched.stop();
    }
  }));

Deno.test("a clock that is far behind is reported as such", () =>
  inWorld(async (world) => {
    await world.writePair();
    world.nowUs = 0;
    const watched = await world.open();
    assert.deepEqual(world.codes(), ["tls_certificate_expired"]);
    assert.match(world.faults.list()[0]?.detail ?? "", /not valid before .* clock says 1970-01-01/);
    watched.stop();
    assert.deepEqual(world.codes(), []);
  }));

Deno.test("looks that overlap never put an old pair in place of a new one", () =>
  inWorld(async (world) => {
    await world.writePair();
    const watched = await world.open();
    try {
      const told: string[] = [];
      watched.onChange(({ cert }) => told.push(cert));
      const looks = [watched.check(), watched.check()];
      const last = await world.writePair(825, ["last.local"]);
      looks.push(watched.check(), watched.check());
      await Promise.all(looks);
      assert.equal(watched.material.cert, last.cert);
      assert.equal(told.at(-1), last.cert);
    } finally {
      watched.stop();
    }
  }));
