import { openAudit } from "../../../src/audit/open_audit.ts";
import { FaultBoard } from "../../../src/telemetry/fault_board.ts";

// Writes records until it is killed, and tells the id of each after the audit gave it.
const [dir = ""] = Deno.args;
const nowUs = () => Date.now() * 1000;
const audit = await openAudit({ dir, faults: new FaultBoard(nowUs), nowUs, maxFileBytes: 20_000, maxFiles: 500 });
for (let i = 0;; i++) {
  const id = audit.record({
    event: "operation",
    principal: "drill",
    role: "admin",
    credential: null,
    address: "local",
    transport: "unix",
    operation: i % 50 === 0 ? "tokens.create" : "tokens.revoke",
    target: `token-${i}`,
    decision: "allowed",
    rule: "role",
    outcome: "ok",
  });
  Deno.stdout.writeSync(new TextEncoder().encode(`${id}\n`));
  if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
}
