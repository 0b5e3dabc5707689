import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { RangeResponse } from "../../../../provider/agent/env/etcd/schema";
import { changesSince, emptyView, merge, type View } from "../../../../provider/agent/env/etcd/view";

describe("the incremental view of a group's keys", () => {
  it("asks for everything below the prefix at first, then only for what changed", () => {
    const first = changesSince("/ha/prod/", emptyView);
    assert.deepEqual(
      [first.key.toString(), first.rangeEnd.toString(), first.minModRevision],
      ["/ha/prod/", "/ha/prod0", 0],
    );
    assert.equal(changesSince("/ha/prod/", { ...emptyView, revision: 41 }).minModRevision, 42);
  });

  it("is the store itself after any history, and notices every deletion", () => {
    const step = fc.record({
      key: fc.constantFrom("a", "b", "c"),
      deletes: fc.boolean(),
      read: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const store = new Map<string, { value: string; modRevision: number }>();
        let revision = 1;
        let view: View = emptyView;
        for (const { key, deletes, read } of steps) {
          revision++;
          if (deletes) store.delete(key);
          else store.set(key, { value: `v${revision}`, modRevision: revision });
          if (!read) continue;
          const next = merge(view, answer(store, revision, changesSince("/", view).minModRevision));
          view = next ?? merge(emptyView, answer(store, revision, 0))!;
          assert.deepEqual(new Map([...view.keys].sort()), new Map([...store].sort()));
        }
      }),
    );
  });

  it("is read in full again when another cluster answers, whose revisions mean something else", () => {
    const a = new Map([["a", { value: "1", modRevision: 2 }]]);
    const view = merge(emptyView, answer(a, 2, 0))!;
    const rebuilt = answer(a, 1_000_000_002, 3);
    assert.notEqual(merge(view, rebuilt), null);
    assert.equal(merge(view, { ...rebuilt, header: { ...rebuilt.header, clusterId: "8" } }), null);
  });

  it("is read in full again when the cluster was rebuilt, which may know less than was seen", () => {
    const seen = merge(emptyView, answer(new Map([["a", { value: "seen", modRevision: 9 }]]), 9, 0))!;
    const keys = new Map([["a", { value: "known", modRevision: 2 }]]);
    const other = answer(keys.set("other", { value: "1", modRevision: 1000 }), 1000, 10);
    assert.notEqual(merge({ ...seen, keys }, other, "rebuilt"), null);
    const reply = answer(keys.set("rebuilt", { value: "1", modRevision: 1001 }), 1001, 10);
    assert.equal(
      merge({ ...seen, keys: new Map([...seen.keys, ["other", keys.get("other")!]]) }, reply, "rebuilt"),
      null,
    );
    assert.equal(merge(emptyView, answer(keys, 1001, 0), "rebuilt")!.keys.get("a")!.value, "known");
  });

  it("does not change a view that somebody holds", () => {
    const held = merge(emptyView, answer(new Map([["a", { value: "1", modRevision: 2 }]]), 2, 0))!;
    merge(held, answer(new Map([["a", { value: "2", modRevision: 3 }]]), 3, 3));
    assert.equal(held.keys.get("a")!.value, "1");
  });
});

function answer(
  store: Map<string, { value: string; modRevision: number }>,
  revision: number,
  minModRevision: number,
): RangeResponse {
  const kvs = [...store]
    .filter(([, { modRevision }]) => modRevision >= minModRevision)
    .map(([key, { value, modRevision }]) => ({
      key: Buffer.from(key),
      value: Buffer.from(value),
      modRevision,
    }));
  return { header: { clusterId: "7", revision }, kvs, count: store.size };
}
