import assert from "node:assert/strict";
import { parseSyns } from "../../../../provider/agent/env/runtime/syns";

const listing = (elem?: object[]) =>
  JSON.stringify({
    nftables: [
      { metainfo: { version: "1.0.6", json_schema_version: 1 } },
      { set: { family: "netdev", name: "syns", table: "ha_gate", flags: ["timeout", "dynamic"], elem } },
    ],
  });
const asked = (local: string, remotePort: number) => ({
  elem: { val: { concat: [local, 6379, "10.77.0.254", remotePort] }, expires: 1 },
});

describe("who asked for a connection while the gate was closed", () => {
  it("is told of the addresses in question, not of those of other containers", () => {
    assert.deepEqual(
      parseSyns(listing([asked("10.77.0.100", 36980), asked("10.77.0.101", 36981)]), ["10.77.0.100"]),
      [{ local: "10.77.0.100", localPort: 6379, remote: "10.77.0.254", remotePort: 36980 }],
    );
  });

  it("is nobody where the set is empty", () => {
    assert.deepEqual(parseSyns(listing(), ["10.77.0.100"]), []);
  });
});
