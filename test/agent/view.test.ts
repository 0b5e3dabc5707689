import assert from "node:assert/strict";
import type { StoredValue } from "../../provider/agent/env";
import { createViewReader, sessionHolds } from "../../provider/agent/view";
import { keysOf } from "../../provider/contract";
import { policyOf, specOf } from "../sim/group";
import { generationOf, migrationOf, ownerOf } from "./support/views";

const keys = keysOf("sim");

function stored(records: Record<string, unknown>, rev = 5): Map<string, StoredValue> {
  return new Map(
    Object.entries(records).map(([key, value]) => [
      key,
      { value: typeof value === "string" ? value : JSON.stringify(value), modRevision: rev },
    ]),
  );
}

describe("The view of a group", () => {
  it("has every record in its place, with its revision and text", () => {
    const raw = stored({
      [keys.policy]: policyOf({ hosts: ["a", "b"] }),
      [keys.session("a")]: { sid: "s", bootId: "b", started: "", version: "" },
      [keys.heartbeat("a")]: { sid: "s", n: 1, leaseMs: 800 },
      [keys.fence("a", "old")]: { by: "b", method: "timeout", at: "" },
      [keys.spec("db")]: specOf(),
      [keys.owner("db")]: ownerOf(),
      [keys.generation("db")]: generationOf(),
      [keys.standbys("db")]: { hosts: ["b"] },
      [keys.schedule("db")]: { intervalMs: 1000, stack: "shop/dev" },
      [keys.migration("db")]: migrationOf(),
    });
    const view = createViewReader("sim")(raw);
    assert.deepEqual(view.unreadable, []);
    assert.equal(view.policy!.value.group, "sim");
    assert.equal(view.hosts.get("a")!.heartbeat!.value.leaseMs, 800);
    assert.ok(view.hosts.get("a")!.fences.has("old"));
    const db = view.containers.get("db")!;
    assert.equal(db.owner!.rev, 5);
    assert.equal(db.owner!.text, raw.get(keys.owner("db"))!.value);
    assert.deepEqual(
      [db.spec, db.generation, db.standbys, db.schedule].map((one) => one !== null),
      [true, true, true, true],
    );
    assert.deepEqual(db.migration!.value, migrationOf());
  });

  it("names a record that it cannot read, marks its container and leaves the others as they are", () => {
    const view = createViewReader("sim")(
      stored({
        [keys.spec("db")]: { ...specOf(), burst: true },
        [keys.owner("db")]: ownerOf(),
        [keys.spec("web")]: specOf({ name: "web" }),
        [keys.owner("api")]: "not JSON",
      }),
    );
    assert.equal(view.unreadable.length, 2);
    assert.match(view.unreadable[0]!, /ct\/db\/spec.*burst: unknown key/);
    assert.ok(view.containers.get("db")!.unreadable);
    assert.ok(view.containers.get("api")!.unreadable);
    assert.ok(!view.containers.get("web")!.unreadable);
  });

  it("reads records of an earlier version, and of a later one with more fields", () => {
    const { failover: _failover, ...earlier } = policyOf({ hosts: ["a", "b"] });
    const later = { later: { anything: true } };
    const view = createViewReader("sim")(
      stored({
        [keys.policy]: earlier,
        [keys.session("a")]: { sid: "s", bootId: "b", started: "", version: "9.0.0", ...later },
        [keys.heartbeat("a")]: { sid: "s", n: 1, leaseMs: 800, ...later },
        [keys.fence("a", "s")]: { by: "b", method: "timeout", at: "", ...later },
        [keys.fenceIntent("a", "s")]: { by: "b", sid: "b-1", at: "", ...later },
        [keys.spec("db")]: specOf(),
        [keys.owner("db")]: { ...ownerOf(), ...later },
        [keys.generation("db")]: { ...generationOf(), ...later },
        [keys.standbys("db")]: { hosts: ["b"], ...later },
      }),
    );
    assert.deepEqual(view.unreadable, []);
    assert.equal(view.policy!.value.failover, "automatic");
    assert.equal(view.containers.get("db")!.owner!.value.epoch, 7);
    assert.equal(view.hosts.get("a")!.intents.get("s")!.value.by, "b");
  });

  it("says again in each read that a record cannot be read", () => {
    const read = createViewReader("sim");
    const raw = stored({ [keys.spec("db")]: "not JSON" });
    read(raw);
    assert.ok(read(raw).containers.get("db")!.unreadable);
  });

  it("parses a record again only when its revision has changed", () => {
    const read = createViewReader("sim");
    const first = read(stored({ [keys.owner("db")]: ownerOf() }));
    const same = read(stored({ [keys.owner("db")]: ownerOf() }));
    assert.equal(same.containers.get("db")!.owner, first.containers.get("db")!.owner);
    const changed = read(stored({ [keys.owner("db")]: ownerOf({ epoch: 8 }) }, 6));
    assert.equal(changed.containers.get("db")!.owner!.value.epoch, 8);
  });

  it("knows that a session holds while it is the host's own and has no tombstone", () => {
    const session = { sid: "s", bootId: "b", started: "", version: "" };
    const read = createViewReader("sim");
    const standing = read(stored({ [keys.session("a")]: session }));
    assert.ok(sessionHolds(standing, "a", "s"));
    assert.ok(!sessionHolds(standing, "a", "other"));
    assert.ok(!sessionHolds(standing, "b", "s"));
    const fence = { by: "b", method: "timeout", at: "" };
    assert.ok(
      !sessionHolds(read(stored({ [keys.session("a")]: session, [keys.fence("a", "s")]: fence })), "a", "s"),
    );
  });
});
