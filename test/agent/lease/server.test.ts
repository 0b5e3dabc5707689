import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLines } from "../../../provider/agent/lease/lines";
import { serveGate } from "../../../provider/agent/lease/server";
import { until } from "../../support/until";
import { createFakeGate, type FakeGate } from "./fake-gate";

const MAC = "02:00:00:00:00:01";

describe("the lease socket", () => {
  const folder = mkdtempSync(join(tmpdir(), "ha-lease-"));
  const path = join(folder, "lease.sock");
  let gate: FakeGate;
  let server: { close(): void };
  let warnings: string[];

  beforeEach(async () => {
    gate = createFakeGate();
    warnings = [];
    server = await serveGate({ gate, path, log: { warn: (line) => void warnings.push(line) } });
  });
  afterEach(() => server.close());
  after(() => rmSync(folder, { recursive: true, force: true }));

  const client = async () => {
    const socket = connect(path);
    const lines: unknown[] = [];
    readLines(socket, (line) => lines.push(JSON.parse(line)));
    socket.on("error", () => {});
    await once(socket, "connect");
    const say = (text: string) => void socket.write(`${text}\n`);
    return {
      socket,
      lines,
      say,
      heard: (count: number) => until(() => lines.length >= count, "a line", 2000),
    };
  };

  it("is for its owner alone", () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it("answers each request under its id, in the order in which they end", async () => {
    let finish = () => {};
    gate.leaving = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const { say, lines, heard } = await client();
    say(JSON.stringify({ op: "leave", id: 1, mac: MAC }));
    say(JSON.stringify({ op: "join", id: 2, container: "c", mac: MAC, compares: [], writes: [] }));
    await heard(1);
    finish();
    await heard(2);
    assert.deepEqual(lines, [
      { id: 2, ok: { result: "committed", revision: 7 } },
      { id: 1, ok: null },
    ]);
  });

  it("tells who is connected what the lease asks, and nobody later, and takes the answer", async () => {
    const asking = { type: "asking" as const, sid: "s1", attempt: "17.5/3", macs: [MAC], leaseMs: 500 };
    const { say, lines, heard } = await client();
    gate.emit({ type: "renewed", sid: "s1" });
    gate.emit(asking);
    await heard(2);
    const { sid, attempt } = asking;
    say(JSON.stringify({ op: "vouch", id: 1, sid, attempt, promised: true }));
    await heard(3);
    assert.deepEqual(lines.slice(1), [{ event: asking }, { id: 1, ok: null }]);
    assert.deepEqual(gate.calls, [["vouch", sid, attempt, true]]);
    const later = await client();
    await later.heard(1);
    assert.deepEqual(later.lines, [{ event: { type: "renewed", sid: "s1" } }]);
  });

  it("passes on why a request failed", async () => {
    gate.leaving = async () => {
      throw new Error("nft died");
    };
    const { say, lines, heard } = await client();
    say(JSON.stringify({ op: "leave", id: 1, mac: MAC }));
    await heard(1);
    assert.deepEqual(lines, [{ id: 1, error: "nft died" }]);
  });

  it("takes a request that arrives in pieces, and several that arrive at once", async () => {
    const { socket, heard, lines } = await client();
    const text = `${JSON.stringify({ op: "leave", id: 1, mac: MAC })}\n`;
    socket.write(text.slice(0, 9));
    await until(() => socket.bytesWritten >= 9, "the first piece", 2000);
    socket.write(`${text.slice(9)}${text.replace("1,", "2,")}`);
    await heard(2);
    assert.deepEqual(lines, [
      { id: 1, ok: null },
      { id: 2, ok: null },
    ]);
  });

  for (const [what, text] of [
    ["no JSON", "adopt"],
    ["an unknown request", '{"op":"open","id":1}'],
    ["an unknown key", '{"op":"state","id":1,"force":true}'],
    ["a MAC that nft could take for something else", '{"op":"leave","id":1,"mac":"02:00 } ; flush"}'],
    [
      "a lease of no time",
      '{"op":"configure","id":1,"protected":[],"here":[],"probe":[],"leaseMs":0,"intervalMs":100}',
    ],
  ] as const) {
    it(`hangs up on ${what}`, async () => {
      const { socket, say } = await client();
      const closed = once(socket, "close");
      say(text);
      await closed;
      assert.deepEqual(gate.calls, []);
      assert.equal(warnings.length, 1);
    });
  }

  it("tells events to everybody, and how the session stands to who comes later", async () => {
    const first = await client();
    await until(() => first.lines.length === 0, "a start", 100);
    gate.emit({ type: "lapsed", sid: "s1" });
    gate.emit({ type: "tampered", repaired: true, detail: "gone" });
    await first.heard(2);
    const later = await client();
    await later.heard(1);
    assert.deepEqual(later.lines, [{ event: { type: "lapsed", sid: "s1" } }]);
  });

  it("tells nothing of an older session once another is adopted", async () => {
    gate.emit({ type: "lost", sid: "s1" });
    const { say, heard } = await client();
    await heard(1);
    say('{"op":"adopt","id":1,"sid":"s2","record":"R"}');
    await heard(2);
    const later = await client();
    later.say('{"op":"state","id":1}');
    await later.heard(1);
    assert.equal((later.lines[0] as { id?: number }).id, 1);
  });
});
