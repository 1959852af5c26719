import assert from "node:assert/strict";
import type { DownlinkEvent } from "../../commands/commands.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { CallError } from "./call_error.ts";
import type { RemoteQueueItem } from "./downlink_messages.ts";
import { QueueWatch } from "./queue_watch.ts";

const devEui = "02ed9ee000000003";

function queueItem(id: string, differences: Partial<RemoteQueueItem> = {}): RemoteQueueItem {
  return { id, fPort: 1, confirmed: true, dataHex: "", isPending: false, expiresUs: 100, ...differences };
}

/** A watch over a queue that the test sets, running until the block ends. */
function watched() {
  const stopping = new AbortController();
  const events: DownlinkEvent[] = [];
  const state = { queue: [] as RemoteQueueItem[] | CallError, looks: 0, nowUs: 50 };
  const watch = new QueueWatch({
    api: {
      queue: () => {
        state.looks++;
        return state.queue instanceof CallError ? Promise.reject(state.queue) : Promise.resolve(state.queue);
      },
    },
    everyMs: 1,
    nowUs: () => state.nowUs,
    onDownlink: (event) => events.push(event),
  });
  const running = watch.run(stopping.signal);
  return {
    state,
    watch,
    told: () => events.map(({ kind, queueItemId }) => `${kind} ${queueItemId}`),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

/** Waits until the queue was looked into twice more: what a look finds is told before the next begins. */
async function looked({ state }: { state: { looks: number } }) {
  const { looks } = state;
  await waitFor("two looks", () => state.looks >= looks + 2);
}

Deno.test("an item that waits for its acknowledgement was sent, and that is told once", async () => {
  await using world = watched();
  world.watch.enqueued(devEui, queueItem("a"));
  world.state.queue = [queueItem("a")];
  await looked(world);
  assert.deepEqual(world.told(), []);
  world.state.queue = [queueItem("a", { isPending: true })];
  await looked(world);
  world.state.queue = [];
  await waitFor("the end of it", () => world.told().length === 1);
  const { looks } = world.state;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(world.state.looks <= looks + 1, "nobody looks into a queue that holds nothing");
  assert.deepEqual(world.told(), ["txack a"]);
});

Deno.test("an item that is gone in time was sent; one that is gone later may have expired", async () => {
  await using world = watched();
  const [late, kept] = [queueItem("late", { expiresUs: 60 }), queueItem("kept")];
  world.watch.listed(devEui, [queueItem("in time", { confirmed: false }), late, kept]);
  world.state.queue = [late, kept];
  await waitFor("the first", () => world.told().length === 1);
  world.state.nowUs = 60;
  world.state.queue = [kept];
  await looked(world);
  assert.deepEqual(world.told(), ["txack in time"]);
});

Deno.test("a server that is away says nothing about what is in its queue", async () => {
  await using world = watched();
  world.watch.enqueued(devEui, queueItem("a"));
  world.state.queue = new CallError("unreachable", "gone");
  await looked(world);
  world.state.queue = [queueItem("a", { isPending: true })];
  await waitFor("the transmission", () => world.told().length === 1);
  assert.deepEqual(world.told(), ["txack a"]);
});
