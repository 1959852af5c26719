import assert from "node:assert/strict";
import { webConfig } from "../../tests/lib/web_world.ts";
import type { ServerCertificate } from "../tls/server_certificate.ts";
import { peerOf } from "./peer.ts";
import { hostOf, WebSite } from "./web_site.ts";

const peer = peerOf({ remoteAddress: "::ffff:192.168.7.20", localAddress: "::ffff:192.168.7.2" });

function certificateFor(...names: string[]): ServerCertificate {
  const facts = { names } as unknown as ServerCertificate["facts"];
  return { facts } as ServerCertificate;
}

function site(listen: string, certificate: ServerCertificate | null = null, allowed_hosts: string[] = []): WebSite {
  return new WebSite({ config: webConfig({ listen, allowed_hosts }), certificate, hostname: "Box7.plant.example" });
}

Deno.test("a server is reached by loopback, its address, the machine's names, its certificate's and those configured", () => {
  const known = site("192.168.7.2:8443", certificateFor("gw.plant.example", "*.edge.example", "10.1.2.3"), [
    "Proxy.Example",
  ]);
  for (
    const host of [
      "localhost",
      "127.0.0.1",
      "127.8.8.8",
      "::1",
      "192.168.7.2",
      "box7.plant.example",
      "BOX7.plant.example.",
      "box7",
      "box7.local",
      "gw.plant.example",
      "a.edge.example",
      "10.1.2.3",
      "proxy.example",
    ]
  ) assert.equal(known.knowsHost(host, peer), true, host);
  for (
    const host of [
      "evil.example",
      "192.168.7.20",
      "192.168.7.3",
      "edge.example",
      "a.b.edge.example",
      "plant.example",
      "sub.proxy.example",
      "",
    ]
  ) assert.equal(known.knowsHost(host, peer), false, host);
});

Deno.test("a server on every network is reached by the address that the client used, and by no other", () => {
  const known = site("0.0.0.0:8443");
  assert.equal(known.knowsHost("192.168.7.2", peer), true);
  assert.equal(known.knowsHost("192.168.7.3", peer), false);
  assert.equal(known.knowsHost("192.168.7.2", peerOf(undefined)), false);
  const six = peerOf({ remoteAddress: "fe80::2%eth0", localAddress: "2001:DB8:0::7" });
  assert.equal(site("[::]:8443").knowsHost("2001:db8::7", six), true);
});

Deno.test("names follow the certificate and the configuration", () => {
  const facts = { names: ["old.example"] };
  const known = site("0.0.0.0:8443", { facts } as unknown as ServerCertificate);
  assert.equal(known.knowsHost("old.example", peer), true);
  facts.names = ["new.example"];
  assert.equal(known.knowsHost("old.example", peer), false);
  assert.equal(known.knowsHost("new.example", peer), true);
  known.configure(webConfig({ allowed_hosts: ["more.example"], allowed_origins: ["https://Portal.example:443"] }));
  assert.equal(known.knowsHost("more.example", peer), true);
  assert.equal(known.allowsOrigin("https://portal.example", "more.example", peer), true);
});

Deno.test("a Host header gives its host, whatever the port", () => {
  const hosts: [string, string | null][] = [
    ["Gateway.Local:8080", "gateway.local"],
    ["gateway.local.", "gateway.local"],
    ["[::1]:8080", "::1"],
    ["[0:0:0:0:0:0:0:1]", "::1"],
    ["127.0.0.1", "127.0.0.1"],
    ["", null],
    ["a b", null],
    ["evil@localhost", null],
    ["localhost, evil.example", null],
    ["localhost:1:2", null],
    ["::1", null],
  ];
  for (const [header, host] of hosts) assert.equal(hostOf(header), host, header);
});
