import assert from "node:assert/strict";
import { appendFileSync, existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createEventFile } from "../../../provider/agent/env/event-file";
import { createLog, type LogOptions } from "../../../provider/agent/env/log";
import { temporaryFolder } from "./support/generations";

describe("the agent's log", () => {
  let folder: string;
  let file: string;
  let lines: string[];

  beforeEach(() => {
    folder = temporaryFolder();
    file = join(folder, "state", "events.jsonl");
    lines = [];
  });
  afterEach(() => rmSync(folder, { recursive: true, maxRetries: 5, retryDelay: 20 }));

  const open = (options: Partial<LogOptions> = {}) =>
    createLog({ host: "ha1", level: "info", file, write: (line) => lines.push(line), ...options });
  const event = (sentence: string) => ({ kind: "fence", container: "redis", sentence });

  it("writes one line for each entry, with the priority that journald reads", () => {
    const log = open();
    log.debug("hidden");
    log.info("started");
    log.warn("tar ended with 2:\n  no space\nleft\n");
    log.event(event("fenced ha2"));
    assert.deepEqual(lines, [
      "<6>started",
      "<4>tar ended with 2: | no space | left",
      "<5>fence redis: fenced ha2",
    ]);
  });

  it("writes what its level asks for, and events always", () => {
    for (const level of ["debug", "error"] as const) {
      const log = open({ level });
      log.debug("d");
      log.warn("w");
      log.event({ kind: "lapse", sentence: "e" });
    }
    assert.deepEqual(lines, ["<7>d", "<4>w", "<5>lapse: e", "<5>lapse: e"]);
  });

  it("keeps the last 2000 events", () => {
    const log = open();
    for (let n = 1; n <= 2001; n++) log.event(event(`${n}`));
    assert.deepEqual(
      log.events(2).map(({ sentence }) => sentence),
      ["2000", "2001"],
    );
    assert.equal(log.events(10_000).length, 2000);
    assert.equal(log.events(10_000)[0]!.sentence, "2");
  });

  it("tells its listeners of each event until they leave", () => {
    const log = open();
    const heard: string[] = [];
    const leave = log.onEvent(({ host, sentence }) => heard.push(`${host} ${sentence}`));
    log.event(event("one"));
    leave();
    log.event(event("two"));
    assert.deepEqual(heard, ["ha1 one"]);
  });

  it("has the events of earlier agents after a restart, whatever a crash left in the file", async () => {
    const first = open();
    first.event(event("one"));
    first.event(event("two"));
    await first.flush();
    appendFileSync(file, '{"at":"torn');
    const second = open();
    assert.deepEqual(
      second.events(10).map(({ sentence }) => sentence),
      ["one", "two"],
    );
    assert.equal(statSync(file).mode & 0o077, 0);
  });

  it("works on where the file cannot be written", async () => {
    writeFileSync(join(folder, "a-file"), "");
    const log = open({ file: join(folder, "a-file", "events.jsonl") });
    log.event(event("one"));
    await log.flush();
    assert.equal(log.events(1)[0]!.sentence, "one");
  });

  it("keeps the file bounded and the newest events in it", async () => {
    const events = createEventFile(file, 2000);
    events.load(0);
    for (let n = 1; n <= 100; n++) {
      events.append({ at: "2026-01-01T00:00:00.000Z", host: "ha1", kind: "k", sentence: `${n}` });
      await events.flush();
    }
    const size = [file, `${file}.1`].reduce(
      (sum, path) => sum + (existsSync(path) ? statSync(path).size : 0),
      0,
    );
    assert.ok(size < 2 * 2100, `${size} bytes`);
    const kept = createEventFile(file).load(1000);
    assert.equal(kept.at(-1)!.sentence, "100");
    assert.ok(kept.length >= 20);
  });
});
