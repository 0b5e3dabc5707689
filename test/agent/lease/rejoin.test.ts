import assert from "node:assert/strict";
import type { StoredValue } from "../../../provider/agent/env";
import { rejoinsIn } from "../../../provider/agent/lease/rejoin";
import { realMac } from "../../../provider/contract";
import { GROUP, HOST, keys, ownerRecord } from "./fake-host";

const read = (records: Map<string, StoredValue>) =>
  rejoinsIn({ group: GROUP, host: HOST, sid: "s1", records });

describe("what a restarted lease process may open", () => {
  it("is what runs here under this session and does not migrate, as long as that stays so", () => {
    const records = new Map([
      [keys.owner("c1"), { value: ownerRecord(), modRevision: 7 }],
      [keys.owner("c2"), { value: ownerRecord(), modRevision: 8 }],
      [keys.migration("c2"), { value: "{}", modRevision: 9 }],
      [keys.owner("c3"), { value: ownerRecord({ sid: "s0" }), modRevision: 10 }],
      [keys.generation("c1"), { value: "{}", modRevision: 11 }],
    ]);
    assert.deepEqual(read(records), [
      {
        macs: [realMac(GROUP, "c1")],
        compares: [
          { key: keys.owner("c1"), modRevision: 7 },
          { key: keys.migration("c1"), modRevision: 0 },
        ],
      },
    ]);
  });

  it("comes in parts that fit into one transaction of etcd", () => {
    const names = Array.from({ length: 120 }, (_, index) => `c${index}`);
    const records = new Map(
      names.map((name) => [keys.owner(name), { value: ownerRecord(), modRevision: 5 }]),
    );
    const rejoins = read(records);
    assert.deepEqual(
      rejoins.map(({ macs }) => macs.length),
      [50, 50, 20],
    );
    assert.ok(rejoins.every(({ compares }) => compares.length + 3 <= 128));
  });
});
