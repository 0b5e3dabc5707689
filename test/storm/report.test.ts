import assert from "node:assert/strict";
import { readOptions, repeatCommand } from "./options";
import { isBroken, type StormResult, textOf } from "./report";

describe("the words of a storm", () => {
  const calm: StormResult = {
    ...{ minutes: 5, seed: 7, faults: 60, moves: 4, failovers: 3, overlaps: 0, lostAcknowledged: 0 },
    ...{ darkTooLong: [], longestDarkMs: 900, notConverged: 0, notExecuting: [], wrongAnswers: 0, why: [] },
    containers: [
      {
        ...{ container: "redis", acknowledged: 900, moves: 4, failovers: 3 },
        ...{ generations: 80, longestDarkMs: 900 },
      },
    ],
    troubles: { kill: { done: 9, refused: 1 } },
    repeat: "npm run storm -- --minutes 5 --containers 1 --seed 7",
  };
  const dark = {
    ...{ container: "redis", from: 0, ms: 4_000, boundMs: 3_000, reasons: ["kill (2000 ms)"] },
    status: ["RUNNING on ha1"],
  };

  it("ask for a storm of five minutes over eight containers, unless they say otherwise", () => {
    const { seed, ...given } = readOptions([])!;
    assert.deepEqual(given, { minutes: 5, containers: 8, json: false });
    assert.ok(Number.isInteger(seed));
    const words = ["--minutes", "0.5", "--containers", "3", "--seed", "9", "--json"];
    assert.deepEqual(readOptions(words), { minutes: 0.5, containers: 3, seed: 9, json: true });
  });

  it("are refused where they make no sense", () => {
    for (const words of [["--minutes", "0"], ["--containers", "101"], ["--seed", "x"], ["wind"]])
      assert.equal(readOptions(words), null, words.join(" "));
  });

  it("repeat a storm as it was", () => {
    const options = { minutes: 0.5, containers: 3, seed: 9 };
    const words = repeatCommand(options).split(" -- ")[1]!.split(" ");
    assert.deepEqual(readOptions(words), { ...options, json: false });
  });

  it("call a storm broken where one promise was", () => {
    assert.ok(!isBroken(calm));
    for (const key of ["overlaps", "lostAcknowledged", "notConverged", "wrongAnswers"] as const)
      assert.ok(isBroken({ ...calm, [key]: 1 }), key);
    for (const key of ["darkTooLong", "notExecuting"] as const)
      assert.ok(isBroken({ ...calm, [key]: [dark] }), key);
  });

  it("tell how long nobody was served, what was allowed and why, and how to repeat it", () => {
    const text = textOf({ ...calm, darkTooLong: [dark] });
    assert.match(text, /redis: nobody was served for 4000 ms from 00:00:00.000 on, 3000 ms are allowed/);
    assert.match(text, /\(kill \(2000 ms\)\); its status said RUNNING on ha1/);
    assert.ok(text.endsWith(`${calm.repeat}\n`));
  });
});
