import assert from "node:assert/strict";
import { request } from "node:https";
import { connect as connectTls } from "node:tls";
import { once } from "node:events";
import { TestCa } from "../lib/test_ca.ts";
import { TlsListener } from "../lib/tls_listener.ts";
import { programPath, requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { listenWeb, verifiedFingerprint } from "../../src/web/listener.ts";

const curl = programPath("curl") ?? "curl";
const openssl = programPath("openssl") ?? "openssl";

async function output(program: string, ...args: string[]): Promise<{ code: number; text: string; errors: string }> {
  // libraries in this process leave variables behind that openssl would take for its own (OPENSSL_CONF=undefined)
  const { code, stdout, stderr } = await new Deno.Command(program, { args, clearEnv: true, stdin: "null" }).output();
  return { code, text: new TextDecoder().decode(stdout), errors: new TextDecoder().decode(stderr) };
}

Deno.test("HTTPS is served with a certificate that its own PEM vouches for", async () => {
  await using server = await TlsListener.start();
  using client = server.client();
  for (const host of ["127.0.0.1", "localhost"]) {
    const answer = await fetch(`https://${host}:${server.port}/a?b=c`, { client });
    assert.equal(await answer.text(), "path /a?b=c");
  }
  const body = crypto.getRandomValues(new Uint8Array(60_000));
  const answer = await fetch(`${server.url}/echo`, { client, method: "POST", body });
  assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), body);
});

Deno.test("a client that does not know the certificate refuses it", async () => {
  await using server = await TlsListener.start();
  await assert.rejects(fetch(server.url));
});

Deno.test({
  name: "curl trusts the certificate by its file, keeps the connection, and fails on another name",
  ...requires("curl"),
  fn: async () => {
    await using server = await TlsListener.start();
    const ca = `${server.folder}/cert.pem`;
    const { code, text, errors } = await output(curl, "-sv", "--cacert", ca, `${server.url}/1`, `${server.url}/2`);
    assert.equal(code, 0);
    assert.equal(text, "path /1path /2");
    assert.match(errors, /Re-using existing connection/);
    const other = ["--connect-to", `evil.test:443:127.0.0.1:${server.port}`, "https://evil.test/"];
    // 60: the certificate is not that of the host
    assert.equal((await output(curl, "-s", "--cacert", ca, ...other)).code, 60);
  },
});

Deno.test({
  name: "plain HTTP on the TLS port is answered with a redirect, and with nothing else",
  ...requires("curl"),
  fn: async () => {
    await using server = await TlsListener.start();
    const plain = `http://127.0.0.1:${server.port}`;
    for (const args of [[], ["-d", "user=x&password=y"], ["-X", "DELETE"], ["-I"], ["--http1.0"]]) {
      const { text } = await output(curl, "-si", "--max-time", "10", ...args, `${plain}/api/v1/session?a=b`);
      assert.match(text, /^HTTP\/1\.1 308 /, args.join(" "));
      assert.match(text, new RegExp(`^location: https://127.0.0.1:${server.port}/api/v1/session\\?a=b\\r$`, "im"));
      assert.match(text, /^connection: close\r$/im);
      assert.ok(!text.includes("path /"));
    }
    // the browser ends up where it wanted to
    const followed = await output(curl, "-sL", "--cacert", `${server.folder}/cert.pem`, `${plain}/tags`);
    assert.equal(followed.text, "path /tags");
  },
});

Deno.test({
  name: "a certificate that openssl made, RSA and with a common name alone, is served",
  ...requires("openssl"),
  fn: async () => {
    await using server = await TlsListener.start();
    const key = `${server.folder}/key.pem`;
    const cert = `${server.folder}/cert.pem`;
    const args = ["req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-keyout", key, "-out", cert];
    assert.equal((await output(openssl, ...args, "-days", "365", "-subj", "/CN=edgekeep")).code, 0);
    await server.certificate.check();
    assert.equal(server.certificate.facts.subject, "CN=edgekeep");
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const { code, errors } = await output(
        ...[openssl, "s_client", "-connect", `127.0.0.1:${server.port}`, "-CAfile", cert, "-brief", version] as const,
      );
      assert.equal(code, 0, errors);
      assert.match(errors, /Verification: OK/);
    }
    // a traditional RSA key, and an EC key of the older form
    for (const [kind, ...more] of [["rsa", "-traditional"], ["ec"]]) {
      const made = kind === "rsa"
        ? await output(openssl, "rsa", "-in", key, "-out", key, ...more)
        : await output(openssl, "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", key);
      assert.equal(made.code, 0, made.errors);
      await output(openssl, "req", "-x509", "-new", "-key", key, "-out", cert, "-days", "9", "-subj", `/CN=${kind}`);
      assert.match(await Deno.readTextFile(key), /BEGIN (RSA|EC) PRIVATE KEY/);
      await server.certificate.check();
      assert.equal(server.certificate.facts.subject, `CN=${kind}`);
      const { code } = await output(openssl, "s_client", "-connect", `127.0.0.1:${server.port}`, "-CAfile", cert);
      assert.equal(code, 0);
    }
  },
});

Deno.test("TLS 1.2 and 1.3 are spoken, and nothing older", { ...requires("openssl") }, async () => {
  await using server = await TlsListener.start();
  const ca = `${server.folder}/cert.pem`;
  const speak = (...args: string[]) =>
    output(openssl, "s_client", "-connect", `127.0.0.1:${server.port}`, "-CAfile", ca, "-brief", ...args);
  for (const [flag, name] of [["-tls1_2", "TLSv1.2"], ["-tls1_3", "TLSv1.3"]] as const) {
    const { code, errors } = await speak(flag);
    assert.equal(code, 0, errors);
    assert.match(errors, new RegExp(`Protocol version: ${name}`));
    assert.match(errors, /Verification: OK/);
  }
  // level 0 lets this OpenSSL offer what it has forbidden itself by default
  for (const flag of ["-tls1_1", "-tls1"]) {
    const { code, errors } = await speak(flag, "-cipher", "ALL:@SECLEVEL=0");
    assert.notEqual(code, 0, errors);
    assert.match(errors, /alert|handshake failure|protocol version/i);
  }
  // ciphers without forward secrecy or authenticated encryption
  for (const cipher of ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "NULL"]) {
    const { code } = await speak("-tls1_2", "-cipher", `${cipher}:@SECLEVEL=0`);
    assert.notEqual(code, 0, cipher);
  }
});

Deno.test("a new certificate counts for new connections, and nothing that is open breaks", async () => {
  await using server = await TlsListener.start();
  const old = server.certificate.material.cert;
  const first = server.certificate.facts.fingerprint;
  const kept = connectTls({ host: "127.0.0.1", port: server.port, ca: old });
  await once(kept, "secureConnect");
  let heard = "";
  kept.on("data", (part: Uint8Array) => heard += new TextDecoder().decode(part));
  kept.write("GET /before HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await waitFor("the first answer", () => heard.includes("path /before"));
  const stream = connectTls({ host: "127.0.0.1", port: server.port, ca: old });
  await once(stream, "secureConnect");
  let streamed = "";
  stream.on("data", (part: Uint8Array) => streamed += new TextDecoder().decode(part));
  stream.write("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await waitFor("the stream", () => streamed.includes("hello"));

  await server.renew();
  assert.notEqual(server.certificate.facts.fingerprint, first);
  // a new connection is shown the new one
  const fresh = connectTls({ host: "127.0.0.1", port: server.port, ca: server.certificate.material.cert });
  await once(fresh, "secureConnect");
  assert.equal(fresh.getPeerCertificate().fingerprint256, server.certificate.facts.fingerprint);
  fresh.destroy();
  await assert.rejects((async () => {
    using stale = server.client({ caCerts: [old] });
    await (await fetch(server.url, { client: stale })).text();
  })());
  // and the two from before go on
  kept.write("GET /after HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await waitFor("an answer on the kept connection", () => heard.includes("path /after"));
  for (const write of server.streams) write("still here\n");
  await waitFor("the stream to go on", () => streamed.includes("still here"));
  kept.destroy();
  stream.destroy();
});

/** Answers with what the listener says about the client's certificate. */
const tellCertificate = (incoming: { socket: object }, outgoing: { end(text: string): unknown }) => {
  outgoing.end(verifiedFingerprint(incoming.socket) ?? "none");
};

Deno.test("client_auth optional: a certificate of the CA is noted, every other one counts for nothing", async () => {
  const ca = await TestCa.make();
  const stranger = await TestCa.make();
  await using server = await TlsListener.start({
    tls: { client_auth: "optional" },
    ca: ca.cert,
    handler: tellCertificate,
  });
  const ask = (pair?: { cert: string; key: string }) => askWith(server, pair);
  const good = await ca.issue("scada", "client");
  assert.match(await ask(good), /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  assert.equal(await ask(), "none");
  // another CA of the same name, a server's certificate, one that has ended
  assert.equal(await ask(await stranger.issue("scada", "client")), "none");
  assert.equal(await ask(await ca.issue("scada", "server")), "none");
  assert.equal(await ask(await ca.issue("scada", "client", { days: -1 })), "none");
});

Deno.test("client_auth require: without a certificate of the CA there is no connection", async () => {
  const ca = await TestCa.make();
  const stranger = await TestCa.make();
  await using server = await TlsListener.start({
    tls: { client_auth: "require" },
    ca: ca.cert,
    handler: tellCertificate,
  });
  assert.match(await askWith(server, await ca.issue("scada", "client")), /^[0-9A-F:]{95}$/);
  await assert.rejects(askWith(server));
  await assert.rejects(askWith(server, await stranger.issue("scada", "client")));
  await assert.rejects(askWith(server, await ca.issue("scada", "server")));
  await assert.rejects(askWith(server, await ca.issue("scada", "client", { days: -1 })));
});

Deno.test("client_auth none: whatever a client shows, it proves nothing", async () => {
  const ca = await TestCa.make();
  await using server = await TlsListener.start({ handler: tellCertificate });
  assert.equal(await askWith(server, await ca.issue("scada", "client")), "none");
});

Deno.test("another client CA ends what the old one vouched for, resumed sessions too", async () => {
  const ca = await TestCa.make("One CA");
  const next = await TestCa.make("Next CA");
  await using server = await TlsListener.start({
    tls: { client_auth: "require" },
    ca: ca.cert,
    handler: tellCertificate,
  });
  const pair = await ca.issue("scada", "client");
  const options = { host: "127.0.0.1", port: server.port, ca: server.certificate.material.cert, ...pair };
  const open = connectTls(options);
  await once(open, "secureConnect");
  await Deno.writeTextFile(`${server.folder}/ca.pem`, next.cert);
  const ended = once(open, "close");
  await server.certificate.check();
  await ended;
  await assert.rejects(askWith(server, pair));
  assert.match(await askWith(server, await next.issue("scada", "client")), /^[0-9A-F:]{95}$/);
});

Deno.test({
  name: "a session ticket from before does not carry a withdrawn client CA over",
  ...requires("openssl"),
  fn: async () => {
    const ca = await TestCa.make("One CA");
    const next = await TestCa.make("Next CA");
    await using server = await TlsListener.start({
      tls: { client_auth: "require" },
      ca: ca.cert,
      handler: tellCertificate,
    });
    const pair = await ca.issue("scada", "client");
    const at = (name: string) => `${server.folder}/${name}`;
    await Deno.writeTextFile(at("client.pem"), pair.cert + pair.key);
    for (const version of ["-tls1_2", "-tls1_3"]) {
      await Deno.writeTextFile(at("ca.pem"), ca.cert);
      await server.certificate.check();
      const speak = (...more: string[]) => shellRequest(server.port, [version, ...more]);
      const first = await speak("-cert", at("client.pem"), "-sess_out", at("session"));
      assert.match(first, /[0-9A-F:]{95}/, first);
      // while the CA stays, the session proves what it proved before
      assert.match(await speak("-sess_in", at("session")), /[0-9A-F:]{95}/);
      await Deno.writeTextFile(at("ca.pem"), next.cert);
      await server.certificate.check();
      for (const more of [[], ["-cert", at("client.pem")]]) {
        const again = await speak("-sess_in", at("session"), ...more);
        assert.doesNotMatch(again, /[0-9A-F:]{95}/, `${version} ${again}`);
      }
    }
  },
});

Deno.test("client certificates without a CA that they could come from are refused at the start", async () => {
  await using server = await TlsListener.start();
  await assert.rejects(
    listenWeb({
      address: { host: "127.0.0.1", port: 0 },
      tls: server.certificate,
      clientAuth: "require",
      handler: tellCertificate,
    }),
    /ca_path names no CA/,
  );
});

async function askWith(server: TlsListener, pair?: { cert: string; key: string }): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request({
    host: "127.0.0.1",
    port: server.port,
    agent: false,
    ca: server.certificate.material.cert,
    ...pair,
  }, (answer) => {
    let text = "";
    answer.on("data", (part: Uint8Array) => text += new TextDecoder().decode(part));
    answer.on("end", () => resolve(text));
    answer.on("error", reject);
  });
  asked.on("error", reject);
  asked.end();
  return await promise;
}

/** One request through `openssl s_client`, which can keep and show sessions. */
async function shellRequest(port: number, args: readonly string[]): Promise<string> {
  const child = new Deno.Command(openssl, {
    args: ["s_client", "-quiet", "-connect", `127.0.0.1:${port}`, ...args],
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).catch(
    () => {},
  );
  const { stdout } = await child.output();
  await writer.close().catch(() => {});
  return new TextDecoder().decode(stdout);
}
