// For the packaging check on Deno 2.4 alone: mends faults of it that stop node-opcua.
import dns from "node:dns";
import process from "node:process";
import timers from "node:timers";

// process.hrtime(earlier) does not borrow a second, and answers negative nanoseconds
const { bigint } = process.hrtime;
const second = 1_000_000_000n;
process.hrtime = Object.assign((earlier) => {
  const since = earlier === undefined ? 0n : BigInt(earlier[0]) * second + BigInt(earlier[1]);
  const elapsed = bigint() - since;
  return [Number(elapsed / second), Number(elapsed % second)];
}, { bigint });

// missing; node-opcua only names hosts in its log with it
dns.lookupService ??= (_address, _port, done) => done(new Error("dns.lookupService does not exist"));

// the global ones answer numbers, which have no unref()
const { setTimeout, setInterval, clearTimeout, clearInterval } = timers;
Object.assign(globalThis, { setTimeout, setInterval, clearTimeout, clearInterval });

// Deno 2.4 can wait for a file's lock, but not ask for it; the check starts one gateway in a folder
Deno.FsFile.prototype.tryLock ??= async function tryLock(exclusive) {
  await this.lock(exclusive);
  return true;
};

// newer than Deno 2.4
Uint8Array.prototype.toHex ??= function toHex() {
  return Array.from(this, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
Uint8Array.fromHex ??= (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
