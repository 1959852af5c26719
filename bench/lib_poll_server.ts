/** Worker: a simulated ChirpStack that answers after 20 ms, on a thread of its own as a real one is. */
import { startSimulator } from "../src/sources/simulator/start_simulator.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<number>) => void) | null;
  postMessage: (message: unknown) => void;
};
let aheadUs = 0;
// a day of hourly frames lies behind each device, as in the first reading of a site
const simulator = await startSimulator({
  hostname: "127.0.0.1",
  port: 0,
  apiToken: "bench",
  devices: 100,
  intervalMs: 3_600_000,
  history: 24,
  random: () => 0.5,
  nowUs: () => Date.now() * 1000 + aheadUs,
});
simulator.inject.latencyMs = 20;
// moves its clock to so many µs ahead, after each device sent once more
scope.onmessage = ({ data }) => {
  for (const { devEui } of simulator.devices) simulator.sendUplink(devEui, {});
  aheadUs = data;
  scope.postMessage("sent");
};
scope.postMessage({ url: simulator.url, devices: simulator.devices });
