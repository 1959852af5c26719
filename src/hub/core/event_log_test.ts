import assert from "node:assert/strict";
import fc from "fast-check";
import type { EventRow } from "../store/hub_rows.ts";
import { EventLog } from "./event_log.ts";
import type { MeshNode } from "./mesh_node.ts";

type Seat = Pick<MeshNode, "no" | "own" | "ownFloor" | "sequence"> & { row: { firstEvent: number } };

/** A node as far as the log looks at it, with every event that it should get. */
class Model {
  readonly seat: Seat;
  readonly all: { sequence: number; id: number }[] = [];

  constructor(no: number, firstEvent: number) {
    this.seat = { no, own: [], ownFloor: 0, sequence: 1, row: { firstEvent } };
  }

  get node(): MeshNode {
    return this.seat as unknown as MeshNode;
  }
}

Deno.test("the log gives each node exactly its events in order, or says that it cannot", () => {
  const action = fc.tuple(
    fc.constantFrom("broadcast", "broadcast", "own", "own", "join", "many", "take back", "look"),
    fc.nat(20),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
      const log = new EventLog(0);
      const models = [new Model(1, 0), new Model(2, 0)];
      let id = 0;
      const add = (fields: Pick<EventRow, "node" | "except">) => {
        const row: EventRow = { id: ++id, type: "t", body: "{}", peer: 0, psk: 0, ...fields };
        log.add(row, models.find(({ seat }) => seat.no === row.node)?.node ?? null);
        for (const { seat, all } of models) {
          if (row.node === 0 ? row.except !== seat.no : row.node === seat.no) {
            all.push({ sequence: ++seat.sequence, id });
          }
        }
        return row;
      };
      for (const [what, n] of actions) {
        const model = models[n % models.length];
        if (model === undefined) continue;
        if (what === "join" && models.length < 5) models.push(new Model(models.length + 1, id));
        if (what === "broadcast") add({ node: 0, except: n % 3 === 0 ? model.seat.no : 0 });
        if (what === "own") add({ node: model.seat.no, except: 0 });
        if (what === "many") {
          for (let i = 0; i < 30 * n; i++) {
            add(i % 7 === 0 ? { node: 0, except: 0 } : { node: model.seat.no, except: 0 });
          }
        }
        if (what === "take back") {
          const row = add({ node: model.seat.no, except: 0 });
          log.takeBack(row, model.node);
          model.seat.sequence--;
          model.all.pop();
          id--;
        }
        const back = n * 16;
        const from = Math.max(1, model.seat.sequence - back);
        const found = log.after(model.node, from, 256);
        const wanted = model.all.filter(({ sequence }) => sequence > from);
        if (found === null) {
          // what it may have forgotten: more than the newest 256 of the shared or of the node's own
          assert.ok(
            wanted.length > 0 && (wanted.length > 256 || id - (wanted[0]?.id ?? 0) >= 256),
            String(wanted.length),
          );
        } else assert.deepEqual(found.map(({ sequence, row }) => ({ sequence, id: row.id })), wanted);
        assert.equal(log.after(model.node, model.seat.sequence + 1, 256), null);
        assert.deepEqual(log.after(model.node, model.seat.sequence, 256), []);
      }
    }),
    { numRuns: 60 },
  );
});
