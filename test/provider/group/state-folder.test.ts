import assert from "node:assert/strict";
import {
  hostsToMount,
  nextStateStep,
  type StateView,
  stateFolderSchema,
} from "../../../provider/group/state-folder";

const untouched: StateView = { folder: null, isMounted: false, isFilled: false, isChosenFilled: false };

describe("a group's folder for its state", () => {
  const paths: [path: string, fits: boolean][] = [
    ["/data/container-ha", true],
    ["/srv", true],
    ["/temporary/ha", true],
    ["data", false],
    ["/", false],
    ["/data/", false],
    ["/data/../etc", false],
    ["/data/my disk", false],
    ["/data/%H", false],
    ["/tmp/ha", false],
    ["/run", false],
    ["/var/lib/container-ha/inside", false],
  ];
  for (const [path, fits] of paths) {
    it(`${fits ? "can" : "cannot"} be "${path}"`, () => {
      assert.equal(stateFolderSchema.safeParse(path).success, fits);
    });
  }

  const steps: { title: string; wanted?: string; view: Partial<StateView>; step: string | RegExp }[] = [
    { title: "is nothing to be done where none is wanted", view: { isFilled: true }, step: "nothing" },
    { title: "is nothing to be done on an operator's own disk", view: { isMounted: true }, step: "nothing" },
    { title: "is mounted on a new host", wanted: "/data/ha", view: {}, step: "mount" },
    {
      title: "is mounted again where a boot or a killed run left it unmounted, whatever is in it",
      wanted: "/data/ha",
      view: { folder: "/data/ha", isFilled: true, isChosenFilled: true },
      step: "mount",
    },
    {
      title: "is nothing to be done where it is mounted",
      wanted: "/data/ha",
      view: { folder: "/data/ha", isMounted: true, isFilled: true, isChosenFilled: true },
      step: "nothing",
    },
    {
      title: "is refused where another one is in use",
      wanted: "/data/ha",
      view: { folder: "/srv/ha", isMounted: true },
      step: /expected \/srv\/ha as before, got \/data\/ha/,
    },
    {
      title: "is missed where one is in use and none is declared",
      view: { folder: "/srv/ha" },
      step: /expected \/srv\/ha as before, got none/,
    },
    {
      title: "is refused where the standard place is an operator's own disk",
      wanted: "/data/ha",
      view: { isMounted: true },
      step: /expected none, as \/var\/lib\/container-ha is a mount point of its own/,
    },
    {
      title: "is refused where the group has its state in the standard place",
      wanted: "/data/ha",
      view: { isFilled: true },
      step: /expected none as before/,
    },
    {
      title: "is refused where somebody's files are in it, which the group would delete one day",
      wanted: "/data/ha",
      view: { isChosenFilled: true },
      step: /expected a new or empty folder, got \/data\/ha with files in it/,
    },
  ];
  for (const { title, wanted, view, step } of steps) {
    it(title, () => {
      const found = nextStateStep(wanted, { ...untouched, ...view });
      if (typeof step === "string") assert.deepEqual(found, { do: step });
      else assert.match(found.do === "refuse" ? found.reason : found.do, step);
    });
  }

  it("names every host that it cannot be used on, and else those that need it", () => {
    const used = { state: { ...untouched, isChosenFilled: true } };
    const views = new Map([
      ["a", used],
      ["b", { state: untouched }],
      ["c", used],
    ]);
    assert.throws(
      () => hostsToMount("/data/ha", views),
      /^UserError: stateFolder: on a: .*\nstateFolder: on c: [^\n]*$/,
    );
    assert.deepEqual(hostsToMount("/data/ha", new Map([["b", { state: untouched }]])), ["b"]);
  });
});
