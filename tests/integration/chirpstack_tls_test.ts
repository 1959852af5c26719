import assert from "node:assert/strict";
import { connect } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { startQuietSimulator, startWorld } from "../../src/sources/chirpstack/testing/world.ts";
import { openssl } from "../lib/openssl.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";

const probe = "02ed9ee000000001";

/** A certificate of its own authority for `localhost`, made for this test run. */
async function makeCertificates(folder: string): Promise<{ ca: string; cert: string; key: string }> {
  const file = (name: string) => `${folder}/${name}`;
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(["req", "-x509", ...key, "-keyout", file("ca.key"), "-out", file("ca.pem"), "-subj", "/CN=Test CA"]);
  await openssl(["req", ...key, "-keyout", file("server.key"), "-out", file("server.csr"), "-subj", "/CN=localhost"]);
  await Deno.writeTextFile(file("extensions"), "subjectAltName=DNS:localhost\n");
  await openssl([
    ...["x509", "-req", "-in", file("server.csr"), "-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial"],
    ...["-extfile", file("extensions"), "-out", file("server.pem")],
  ]);
  return { ca: file("ca.pem"), cert: file("server.pem"), key: file("server.key") };
}

/** Speaks TLS in front of a plain server, as a reverse proxy does. */
async function startTlsProxy(target: string, certificate: { cert: string; key: string }) {
  const sockets = new Set<TLSSocket>();
  const server = createServer({
    cert: await Deno.readTextFile(certificate.cert),
    key: await Deno.readTextFile(certificate.key),
    ALPNProtocols: ["h2"],
  }, (socket) => {
    sockets.add(socket);
    const plain = connect(Number(new URL(target).port), "127.0.0.1");
    for (const [from, to] of [[socket, plain], [plain, socket]] as const) {
      from.on("error", () => {});
      from.on("close", () => to.destroy());
      from.pipe(to);
    }
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The proxy has no port");
  return {
    url: `https://localhost:${address.port}`,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

Deno.test({
  name: "https is checked against the own CA file, which is read anew for each connection",
  ...requires("openssl"),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const simulator = await startQuietSimulator();
    const certificates = await makeCertificates(folder);
    const proxy = await startTlsProxy(simulator.url, certificates);
    try {
      simulator.sendUplink(probe, { temperature: 1 });
      const devices = [{ devEui: probe, metrics: [{ metric_name: "temperature" }] }];
      {
        await using unknown = startWorld(proxy.url, devices);
        const fault = await waitFor("the refusal", () => unknown.fault("source_unreachable"));
        assert.match(fault.detail, /certificate|issuer|CA/i);
      }
      const caPath = `${folder}/copied-later.pem`;
      await using world = startWorld(proxy.url, devices, { config: { ca_path: caPath } });
      const fault = await waitFor("the fault", () => world.fault("source_unreachable"));
      assert.match(fault.detail, /Cannot read the CA file '.*copied-later\.pem'/);
      await Deno.copyFile(certificates.ca, caPath);
      await waitFor("the value", () => world.tag(probe, "temperature").value === 1);
      await waitFor("the state", () => world.source.status().state === "connected");
      assert.deepEqual(world.faults.list(), []);
    } finally {
      await proxy.stop();
      await simulator.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
