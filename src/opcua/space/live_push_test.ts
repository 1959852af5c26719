import { deepStrictEqual, ok } from "node:assert/strict";
import { tagDefinition } from "../../../tests/lib/tag_definition.ts";
import { tagId, type TagUpdate, tagUpdate } from "../../tags/tag.ts";
import { TagStore } from "../../tags/tag_store.ts";
import { livePush } from "./live_push.ts";
import type { TagNode } from "./tag_nodes.ts";

Deno.test("a client's item that fails keeps nobody else from the batch", () => {
  const tags = new TagStore({ nowUs: () => 1_000_000_000_000 });
  tags.define(["a", "b", "c"].map((name) => tagDefinition({ group: "dev", name })));
  const shown: string[] = [];
  const nodes = {
    get: (id: string) =>
      ({
        dataType: "Double",
        online: null,
        variable: {
          listenerCount: () => 1,
          emit: (_event: string, value: { value: { value: unknown } }) => {
            if (id === "dev/b") throw new Error("an item's filter cannot take it");
            shown.push(`${id} ${value.value.value}`);
          },
        },
      }) as unknown as TagNode,
  };
  tags.subscribe(livePush(nodes));
  let behind: readonly TagUpdate[] = [];
  tags.subscribe((batch) => behind = batch);
  tags.update(["a", "b", "c"].map((name, i) => {
    const tag = tags.get(tagId("dev", name));
    ok(tag);
    return tagUpdate(tag, i, 999_999_000_000);
  }));
  deepStrictEqual(shown, ["dev/a 0", "dev/c 2"]);
  deepStrictEqual(behind.map(({ value }) => value), [0, 1, 2]);
});
