import assert from "node:assert/strict";
import { createRotation, localLast } from "../../../../provider/agent/env/etcd/rotation";

describe("the order in which etcd's endpoints are asked", () => {
  it("has those of this host last, IPv6 too", () => {
    const endpoints = ["10.0.0.1:7379", "10.0.0.2:7379", "[fd00::1]:7379", "10.0.0.3:7379"];
    assert.deepEqual(localLast(endpoints, ["127.0.0.1", "10.0.0.1", "fd00::1"]), [
      "10.0.0.2:7379",
      "10.0.0.3:7379",
      "10.0.0.1:7379",
      "[fd00::1]:7379",
    ]);
    assert.deepEqual(localLast(["10.0.0.1:7379"], ["10.0.0.1"]), ["10.0.0.1:7379"]);
  });

  it("has one that failed last until it answers, however long that takes", () => {
    let now = 0;
    const rotation = createRotation(["a", "b", "c"], () => now);
    rotation.failed("a");
    assert.deepEqual(rotation.order(), ["b", "c", "a"]);
    now = 60_000;
    assert.deepEqual(rotation.order(), ["b", "c", "a"]);
    rotation.succeeded("a");
    assert.deepEqual(rotation.order(), ["a", "b", "c"]);
  });

  it("tells once per failure that one is to be tried again, after a longer time each time", () => {
    let now = 0;
    const rotation = createRotation(["a", "b"], () => now);
    const triedAgainAt = () => {
      for (const start = now; now <= start + 10_000; now += 100)
        if (rotation.due().includes("a")) return now - start;
      return null;
    };
    rotation.failed("a");
    assert.equal(triedAgainAt(), 2000);
    assert.equal(triedAgainAt(), null);
    rotation.failed("a");
    assert.equal(triedAgainAt(), 4000);
    for (let n = 0; n < 5; n++) {
      rotation.failed("a");
      assert.equal(triedAgainAt(), 8000);
    }
    rotation.succeeded("a");
    rotation.failed("a");
    assert.equal(triedAgainAt(), 2000);
  });

  it("counts what was asked of one before it was known to fail as the same failure", () => {
    let now = 0;
    const rotation = createRotation(["a", "b"], () => now);
    rotation.failed("a");
    now = 1900;
    rotation.failed("a");
    now = 2000;
    assert.deepEqual(rotation.due(), ["a"]);
  });

  it("begins with the one that answered last when all failed", () => {
    let now = 1;
    const rotation = createRotation(["a", "b", "c"], () => now++);
    rotation.succeeded("b");
    rotation.succeeded("c");
    for (const address of ["c", "b", "a"]) rotation.failed(address);
    assert.deepEqual(rotation.order(), ["c", "b", "a"]);
  });
});
