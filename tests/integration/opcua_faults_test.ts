import { strictEqual } from "node:assert/strict";
import { OPCUAServer } from "node-opcua";
import { startTestServer } from "../lib/opcua_client_gateway.ts";
import { type ServiceAnswer, startOpcUaClient } from "../lib/opcua_client_process.ts";

Deno.test("a client learns from a fault that something failed, and nothing of the machine it failed on", async () => {
  await using server = await startTestServer();
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const prototype = OPCUAServer.prototype as unknown as Record<string, unknown>;
  const handler = prototype["_on_QueryFirstRequest"];
  prototype["_on_QueryFirstRequest"] = () => {
    throw new Error("nobody shall read /srv/gateway/secret.ts");
  };
  try {
    const answer = await client.call<ServiceAnswer>("service", { id, service: "QueryFirst", fields: {} });
    strictEqual(answer.responseHeader.serviceResult, "BadInternalError");
    strictEqual(JSON.stringify(answer).includes("/srv"), false, JSON.stringify(answer));
    strictEqual(JSON.stringify(answer).includes("    at "), false, JSON.stringify(answer));
  } finally {
    prototype["_on_QueryFirstRequest"] = handler;
  }
});
