import assert from "node:assert/strict";
import { waitsFor } from "../../provider/agent/waiting";
import { containerOf } from "./support/views";

const takers = ["a", "b", "c"];

describe("What a container that nobody runs waits for", () => {
  const says = (tried: string[], live: { candidates: string[]; sources: string[] }) =>
    waitsFor(containerOf(), tried, { takers, ...live });

  it("is a live host that holds its generation, before any that would fetch it", () =>
    assert.equal(says(["a"], { candidates: takers, sources: ["a", "b"] }), "it waits for b to take it"));

  it("is a live host that fetches its generation from one that has it", () =>
    assert.equal(
      says(["a", "b"], { candidates: takers, sources: ["a", "b"] }),
      "it waits for c to fetch its generation from a or b and take it",
    ));

  it("is the return of a holder where nobody who is live has its generation", () =>
    assert.equal(
      says(["b"], { candidates: ["b", "c"], sources: [] }),
      "it waits until a, where its generation is, is live again",
    ));

  it("is a host that is away, or nobody, where all who are live have tried, and names the command that helps", () => {
    const command = '"container-ha failover db --to HOST" lets a live host try it once more';
    const live = { candidates: ["a", "b"], sources: ["a", "b"] };
    assert.equal(says(["a", "b"], live), `it waits until c is live and may run it; ${command}`);
    assert.equal(says(takers, live), `no host is left to try; ${command}`);
  });

  it("is any host that has not tried where there is no generation", () =>
    assert.equal(
      waitsFor(containerOf({ generation: null }), ["a"], { takers, candidates: takers, sources: [] }),
      "it waits for b or c to take it",
    ));
});
