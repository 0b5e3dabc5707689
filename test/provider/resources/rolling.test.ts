import assert from "node:assert/strict";
import { blockingHosts, oneAtATime, waitForOthers } from "../../../provider/resources/rolling";
import { statusOf } from "./fake-group";

const signal = new AbortController().signal;
const hostsOf = (states: Record<string, "live" | "suspect" | "dead" | "absent">) =>
  statusOf({ hosts: Object.entries(states).map(([name, state]) => ({ name, state })) });
const blocking = (states: Parameters<typeof hostsOf>[0], host = "ha1") =>
  blockingHosts(hostsOf(states).hosts, host).map(({ name }) => name);

describe("replacing agents one host at a time", () => {
  it("never works on two hosts of a group at once, also after a failure", async () => {
    const events: string[] = [];
    const turn = (name: string, fail = false) =>
      oneAtATime("g", async () => {
        events.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        events.push(`${name} ends`);
        if (fail) throw new Error(name);
      });
    const [first] = await Promise.allSettled([turn("a", true), turn("b"), turn("c")]);
    assert.equal(first.status, "rejected");
    assert.deepEqual(events, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  it("may begin when every other member is live, or was never there", () => {
    assert.deepEqual(blocking({ ha1: "live", ha2: "live", ha3: "absent" }), []);
  });

  it("must wait for a member that is dead or suspected", () => {
    assert.deepEqual(blocking({ ha1: "live", ha2: "dead", ha3: "suspect" }), ["ha2", "ha3"]);
  });

  it("may replace the agent of a host that is not live, whatever the others are", () => {
    assert.deepEqual(blocking({ ha1: "dead", ha2: "dead", ha3: "live" }), []);
  });

  it("waits until the others are back", async () => {
    const states = [hostsOf({ ha1: "live", ha2: "dead" }), hostsOf({ ha1: "live", ha2: "live" })];
    const lines: string[] = [];
    await waitForOthers({
      host: "ha1",
      status: async () => states.shift()!,
      log: (line) => lines.push(line),
      signal,
    });
    assert.deepEqual(lines, ["waiting before the update: ha2 is dead"]);
  });

  it("waits until a standby holds a generation again, but not for ever", async () => {
    const degraded = statusOf({ containers: [{ degraded: "no live standby holds a generation" }] });
    const lines: string[] = [];
    await waitForOthers({
      host: "ha1",
      status: async () => degraded,
      log: (line) => lines.push(line),
      signal,
      patienceMs: 500,
    });
    assert.deepEqual(lines, [
      "waiting before the update: redis: no live standby holds a generation",
      "warning: going on, though redis: no live standby holds a generation",
    ]);
  });

  it("refuses where another member stays dead", async () => {
    const status = async () => hostsOf({ ha1: "live", ha2: "dead" });
    await assert.rejects(
      waitForOthers({ host: "ha1", status, log: () => {}, signal, patienceMs: 0 }),
      /the agent on ha1 was not replaced, because ha2 is dead/,
    );
  });
});
