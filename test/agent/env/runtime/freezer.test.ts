import assert from "node:assert/strict";
import { createFreezer, type FreezerPort } from "../../../../provider/agent/env/runtime/freezer";

/** One container with a cgroup; `writes` is what was written to its `cgroup.freeze`. */
function cgroup({ exists = true } = {}) {
  const reasons = new Set<string>();
  const writes: boolean[] = [];
  const host = { exists, isLent: false, obeys: true, isFrozen: false };
  const port: FreezerPort = {
    exists: () => host.exists,
    isLent: () => host.isLent,
    reasons: () => [...reasons],
    note: (_, reason) => void reasons.add(reason),
    drop: (_, reason) => void reasons.delete(reason),
    forget: () => reasons.clear(),
    write(_, frozen) {
      writes.push(frozen);
      if (host.obeys) host.isFrozen = frozen;
      return true;
    },
    isSo: (_, frozen) => host.isFrozen === frozen,
    async until(condition) {
      while (!condition()) await new Promise((resolve) => setImmediate(resolve));
    },
  };
  return { freezer: createFreezer(port), host, writes };
}

describe("The freezer of a container", () => {
  it("thaws it when the last reason is gone", async () => {
    const { freezer, host } = cgroup();
    await freezer.freeze("db", "lapse");
    await freezer.freeze("db", "handover");
    await freezer.thaw("db", "lapse");
    assert.equal(host.isFrozen, true);
    await freezer.thaw("db", "handover");
    assert.equal(host.isFrozen, false);
  });

  it("writes nothing while CRIU works in the cgroup, and what was asked for meanwhile when CRIU is done", async () => {
    const { freezer, host, writes } = cgroup();
    await freezer.freeze("db", "dump");
    const giveBack = freezer.lend("db");
    // CRIU thaws it for its parasite.
    host.isFrozen = false;
    writes.length = 0;
    await freezer.freeze("db", "lapse");
    await freezer.thaw("db", "dump");
    assert.deepEqual(writes, []);
    await giveBack();
    assert.deepEqual(writes, [true]);
    await freezer.thaw("db", "lapse");
    assert.equal(host.isFrozen, false);
  });

  it("counts each operation of CRIU's once, however often its end is told", async () => {
    const { freezer, host } = cgroup();
    const [one, other] = [freezer.lend("db"), freezer.lend("db")];
    await freezer.freeze("db", "lapse");
    await one();
    await one();
    assert.equal(host.isFrozen, false);
    await other();
    assert.equal(host.isFrozen, true);
  });

  it("leaves a copy alone that an earlier agent's CRIU holds", async () => {
    const { freezer, host, writes } = cgroup();
    host.isLent = true;
    await freezer.freeze("db", "lapse");
    assert.deepEqual(writes, []);
    assert.deepEqual(freezer.reasons("db"), ["lapse"]);
  });

  it("keeps no reason of what has no process", async () => {
    const { freezer } = cgroup({ exists: false });
    await freezer.freeze("db", "lapse");
    assert.deepEqual(freezer.reasons("db"), []);
  });

  it("waits no longer for a freeze that is not wanted any more", async () => {
    const { freezer, host } = cgroup();
    host.obeys = false;
    const frozen = freezer.freeze("db", "lapse");
    await freezer.thaw("db", "lapse");
    await frozen;
  });
});
