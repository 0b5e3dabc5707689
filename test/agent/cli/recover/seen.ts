import type { OtherVoter, Seen } from "../../../../provider/agent/cli/recover/plan";
import { policySchema, timingOf } from "../../../../provider/contract";
import { AT, containerOf, hostOf, viewOf } from "../../support/views";

const names = ["a", "b", "c", "d", "e"];
const policy = policySchema.parse({
  group: "g",
  hosts: names.map((name, index) => ({ name, address: `10.0.0.${index + 1}` })),
  timing: timingOf("default", false),
  interface: "eth0",
  subnet: "10.0.0.0/24",
  etcdEndpoints: names.slice(0, 3).map((_, index) => `10.0.0.${index + 1}:7379`),
  ports: {},
});
export const dead = (name: string): OtherVoter => ({ name, on: false, runs: false, revision: null });
export const running = (name: string, revision: number | null): OtherVoter => ({
  name,
  on: true,
  runs: true,
  revision,
});

/** b is left of a, b and c; a owned `db`, whose generation 7-3 is on a and b. */
export function seenFromB(change: Partial<Seen> = {}): Seen {
  return {
    host: "b",
    policy,
    now: Date.parse(AT) + 12_000,
    linked: true,
    others: [dead("a"), dead("c")],
    view: viewOf([hostOf("a"), hostOf("b"), hostOf("c")], [containerOf()]),
    revision: 500,
    number: 0,
    keepsSession: true,
    stored: new Map([["db", new Set(["7-2", "7-3"])]]),
    ...change,
  };
}
