import assert from "node:assert/strict";
import { keysToAccept, newHeartbeatKeys } from "../../../provider/group/heartbeat-keys";

describe("heartbeat keys", () => {
  it("are 32 random bytes in hex", () => {
    const [key] = newHeartbeatKeys(undefined, false);
    assert.match(key!, /^[0-9a-f]{64}$/);
    assert.notDeepEqual(newHeartbeatKeys(undefined, false), [key]);
  });

  it("stay without a rotation", () =>
    assert.deepEqual(newHeartbeatKeys(["one", "zero"], false), ["one", "zero"]));

  it("send with a new key after a rotation and still accept the one before it", () => {
    const keys = newHeartbeatKeys(["one", "zero"], true);
    assert.equal(keys.length, 2);
    assert.equal(keys[1], "one");
  });

  it("are accepted by every host before one of them sends with a new one", () => {
    assert.deepEqual(keysToAccept(["two", "one"], ["one", "zero"]), ["one", "two"]);
    assert.deepEqual(keysToAccept(["one", "zero"], ["one", "zero"]), ["one", "zero"], "no rotation");
    assert.deepEqual(keysToAccept(["one"], undefined), ["one"], "a new group");
  });
});
