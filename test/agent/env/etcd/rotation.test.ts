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

  it("puts one that failed last for a while, longer each time, until it answers", () => {
    let now = 0;
    const rotation = createRotation(["a", "b", "c"], () => now);
    rotation.failed("a");
    assert.deepEqual(rotation.order(), ["b", "c", "a"]);
    now = 2000;
    assert.deepEqual(rotation.order(), ["a", "b", "c"]);
    rotation.failed("a");
    now = 5900;
    assert.deepEqual(rotation.order(), ["b", "c", "a"]);
    now = 6000;
    assert.deepEqual(rotation.order(), ["a", "b", "c"]);
    for (let n = 0; n < 10; n++) rotation.failed("a");
    now += 8000;
    assert.deepEqual(rotation.order(), ["a", "b", "c"]);
    rotation.failed("a");
    rotation.succeeded("a");
    assert.deepEqual(rotation.order(), ["a", "b", "c"]);
  });

  it("begins with the one that failed first when all failed", () => {
    let now = 0;
    const rotation = createRotation(["a", "b"], () => now++);
    rotation.failed("b");
    rotation.failed("a");
    assert.deepEqual(rotation.order(), ["b", "a"]);
  });
});
