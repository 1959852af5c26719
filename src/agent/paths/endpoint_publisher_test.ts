import assert from "node:assert/strict";
import type { EndpointReport } from "../../mesh/api_messages.ts";
import { VirtualClock } from "../../../tests/lib/virtual_clock.ts";
import { EndpointPublisher } from "./endpoint_publisher.ts";

const lan = (address: string) => [{ kind: "lan" as const, address }];

Deno.test("The hub is told once, again after a change, and until it takes it", async () => {
  const clock = new VirtualClock();
  const told: EndpointReport[] = [];
  let failures = 0;
  const publisher = new EndpointPublisher({
    put: (report) => {
      if (failures-- > 0) return Promise.reject(new Error("no hub"));
      told.push(report);
      return Promise.resolve();
    },
    pause: clock.pause,
    random: () => 0.5,
  });
  publisher.publish(lan("192.0.2.1:1"));
  await clock.advance(0);
  publisher.publish(lan("192.0.2.1:1"));
  await clock.advance(0);
  assert.equal(told.length, 1);
  failures = 3;
  publisher.publish(lan("192.0.2.2:1"));
  await clock.advance(0);
  publisher.publish(lan("192.0.2.3:1"));
  await clock.advance(60_000);
  assert.deepEqual(told.map(({ endpoints }) => endpoints[0]?.address), ["192.0.2.1:1", "192.0.2.3:1"]);
  publisher.republish();
  await clock.advance(0);
  assert.equal(told.length, 3);
  await publisher.stop();
});

Deno.test("A publisher stops while the hub is away, and tells nothing afterwards", async () => {
  const clock = new VirtualClock();
  let tries = 0;
  const publisher = new EndpointPublisher({
    put: () => Promise.reject(new Error(`try ${++tries}`)),
    pause: clock.pause,
  });
  publisher.publish([]);
  await clock.advance(100);
  await publisher.stop();
  publisher.publish(lan("192.0.2.1:1"));
  await clock.advance(600_000);
  assert.equal(tries, 1);
});
