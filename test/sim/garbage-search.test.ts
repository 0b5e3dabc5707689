import fc from "fast-check";
import { keysOf } from "../../provider/contract";
import { GROUP, specOf } from "./group";
import { goesOn, inProtectedWorld } from "./scenario";

const keys = keysOf(GROUP);

/** No record at all, by its text or by the kind of its value. */
const unreadable = fc.oneof(
  fc.constantFrom("", "{", "null", "[]", "0", '"RUNNING"', "{}", "\u0000", '{"__proto__":{"host":1}}'),
  fc.string(),
  fc
    .jsonValue()
    .filter((value) => typeof value !== "object")
    .map((value) => JSON.stringify(value)),
);

/** What a careless program, or a person with `etcdctl`, may have put in the place of a field. */
const oddValue = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom("61 * * * *", "../..", ["nobody"], [".."], { web: "x" }, -1, 1e300, null),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
);

const harmless = [
  keys.schedule("web"),
  keys.standbys("web"),
  keys.migration("web"),
  keys.failsafe("web"),
  keys.rule("apart"),
  keys.info("c"),
  keys.declared,
];
/** What decides who owns `web` is only made unreadable: to change it is to give it to somebody. */
const decisive = [keys.spec("web"), keys.owner("web"), keys.generation("web"), keys.policy];
/** Keys of nothing that there is; the names become names of folders. */
const strange = [
  `${keys.containers}../spec`,
  `${keys.containers}../gen`,
  `${keys.containers}..`,
  `${keys.containers}/owner`,
  `${keys.containers}Web Server/schedule`,
  `${keys.prefix}host/../session`,
  `${keys.prefix}fence/c/nobody`,
  `${keys.prefix}fence-intent/c/nobody`,
  `${keys.prefix}`,
  `${keys.prefix}ct`,
  `${keys.prefix}rule/`,
];

const rule = {
  name: "apart",
  kind: "anti-affinity",
  containers: ["web", "db"],
  required: false,
  stack: "p/dev",
};

/** Records that say nothing of who owns what, and their fields. */
const fields: [string, string][] = [
  [keys.schedule("web"), "cron"],
  [keys.schedule("web"), "intervalMs"],
  [keys.standbys("web"), "hosts"],
  [keys.migration("web"), "stage"],
  [keys.failsafe("web"), "members"],
  [keys.rule("apart"), "topologyKey"],
  [keys.rule("apart"), "containers"],
  [keys.rule("apart"), "matchLabels"],
  [keys.info("c"), "copies"],
  [keys.info("c"), "warm"],
  [keys.info("c"), "memoryMb"],
];
const mutated = fc.tuple(fc.constantFrom(...fields), oddValue);

describe("Whatever stands in the records of one container", () => {
  it("another one is served and checkpointed on, and no agent ends", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...decisive, ...harmless, ...strange), unreadable), {
          maxLength: 4,
        }),
        fc.array(mutated, { maxLength: 8 }),
        (garbage, changes) =>
          inProtectedWorld(
            async (world) => {
              await world.protect(specOf({ name: "web", virtualIps: ["10.0.0.101"] }));
              world.garble(keys.schedule("web"), JSON.stringify({ intervalMs: 2000, stack: "p/dev" }));
              world.garble(keys.rule("apart"), JSON.stringify(rule));
              for (const [key, value] of garbage) world.garble(key, value);
              for (const [[key, field], value] of changes) {
                const before = world.records.snapshot().keys.get(key)?.value ?? "{}";
                world.garble(key, JSON.stringify({ ...recordIn(before), [field]: value }));
              }
              await goesOn(world);
            },
            { scheduled: { intervalMs: 1000 } },
          ),
      ),
      { numRuns: 30 },
    ));
});

function recordIn(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
