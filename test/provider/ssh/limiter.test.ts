import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { createLimiter } from "../../../provider/ssh/limiter";

describe("a limiter", () => {
  it("lets the next one in, in order, when a holder leaves", async () => {
    const limiter = createLimiter(1);
    const order: string[] = [];
    const first = await limiter.acquire();
    const enter = async (name: string) => {
      const release = await limiter.acquire();
      order.push(name);
      return release;
    };
    const second = enter("second");
    const third = enter("third");
    await setImmediate();
    assert.deepEqual(order, []);
    first();
    first();
    (await second)();
    (await third)();
    assert.deepEqual(order, ["second", "third"]);
    assert.equal(limiter.active, 0);
  });

  it("admits nobody above a lowered limit, and never falls below one", async () => {
    const limiter = createLimiter(3);
    const [a, b] = [await limiter.acquire(), await limiter.acquire()];
    limiter.lowerTo(0);
    let admitted = false;
    const waiting = limiter.acquire().then((release) => {
      admitted = true;
      return release;
    });
    a!();
    await setImmediate();
    assert.equal(admitted, false);
    b!();
    (await waiting)();
    assert.equal(admitted, true);
  });
});
