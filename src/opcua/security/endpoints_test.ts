import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { MessageSecurityMode, SecurityPolicy } from "node-opcua";
import { askedUrl, endpointSecurity } from "./endpoints.ts";

Deno.test("None is offered only when it is named", () => {
  deepStrictEqual(endpointSecurity({ security_policies: ["Basic256Sha256"], security_modes: ["Sign"] }), {
    policies: [SecurityPolicy.Basic256Sha256],
    modes: [MessageSecurityMode.Sign],
  });
  deepStrictEqual(endpointSecurity({ security_policies: ["None"], security_modes: ["SignAndEncrypt"] }), {
    policies: [SecurityPolicy.None],
    modes: [MessageSecurityMode.None],
  });
  deepStrictEqual(
    endpointSecurity({ security_policies: ["Aes128_Sha256_RsaOaep", "None"], security_modes: ["SignAndEncrypt"] }),
    {
      policies: [SecurityPolicy.None, SecurityPolicy.Aes128_Sha256_RsaOaep],
      modes: [MessageSecurityMode.None, MessageSecurityMode.SignAndEncrypt],
    },
  );
});

Deno.test("a URL that a client asks with is taken apart, or refused when it is not plain", () => {
  deepStrictEqual(askedUrl("opc.tcp://plant.example:14840"), { host: "plant.example", port: 14840 });
  deepStrictEqual(askedUrl("OPC.TCP://10.1.2.3:4840/UA/Server"), { host: "10.1.2.3", port: 4840 });
  deepStrictEqual(askedUrl("opc.tcp://[2001:db8::1]/"), { host: "[2001:db8::1]", port: null });
  for (
    const url of [
      null,
      "",
      "http://host:4840",
      "opc.tcp://",
      "opc.tcp://:4840",
      "opc.tcp://0.0.0.0:4840",
      "opc.tcp://[::]:4840",
      "opc.tcp://host:0",
      "opc.tcp://host:99999",
      "opc.tcp://ho st:4840",
      "opc.tcp://host\n:4840",
      "opc.tcp://user@host:4840",
      "opc.tcp://-host:4840",
      "opc.tcp://a..b:4840",
      `opc.tcp://${"a".repeat(600)}:4840`,
    ]
  ) strictEqual(askedUrl(url), null, String(url));
});

Deno.test("no text makes the URL reader throw or return a wildcard", () => {
  fc.assert(fc.property(fc.string(), (tail) => {
    const url = askedUrl(`opc.tcp://${tail}`);
    if (url === null) return true;
    return /^[[\]0-9a-z:._-]+$/i.test(url.host) && url.host !== "0.0.0.0" && url.host !== "[::]";
  }));
});
