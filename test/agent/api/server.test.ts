import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Api, startApi } from "../../../provider/agent/api/server";
import type { CtlReply, CtlRequest, Event } from "../../../provider/contract";

describe("local API of the agent", () => {
  let folder: string;
  let socketPath: string;
  let api: Api | undefined;
  let handled: CtlRequest[];
  let handle: (request: CtlRequest) => Promise<CtlReply>;
  const listeners = new Set<(event: Event) => void>();
  const event = (sentence: string): Event => ({
    at: "2026-10-02T10:00:00Z",
    host: "a",
    kind: "note",
    sentence,
  });

  const start = () =>
    startApi({
      socketPath,
      handle: (body) => {
        handled.push(body);
        return handle(body);
      },
      events: {
        recent: (limit) => [event("one"), event("two"), event("three")].slice(-limit),
        onEvent: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "agent-api-"));
    socketPath = join(folder, "agent.sock");
    handled = [];
    handle = async (body) => ({ ok: true, result: body.op });
    api = undefined;
  });
  afterEach(async () => {
    await api?.close();
    await rm(folder, { recursive: true });
  });

  async function call(
    method: string,
    path: string,
    body?: string,
  ): Promise<{ status: number; text: string }> {
    const response = await open(method, path, body);
    return { status: response.statusCode!, text: await text(response) };
  }

  function open(method: string, path: string, body?: string) {
    return new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
      request({ socketPath, method, path, agent: false }, resolve).once("error", reject).end(body);
    });
  }

  it("hands a valid request to the handler and sends its reply", async () => {
    api = await start();
    const answer = await call("POST", "/ctl", '{"op":"events"}');
    assert.deepEqual(answer, { status: 200, text: '{"ok":true,"result":"events"}\n' });
    assert.deepEqual(handled, [{ op: "events", limit: 200 }]);
  });

  it("asks the handler for the status", async () => {
    api = await start();
    assert.deepEqual(JSON.parse((await call("GET", "/status")).text), { ok: true, result: "status" });
  });

  it("lets only its owner use the socket", async () => {
    const before = process.umask();
    api = await start();
    assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
    assert.equal(process.umask(), before);
  });

  const badBodies: [string, string, RegExp][] = [
    ["no JSON", "{op", /^The request is not JSON: /],
    ["nothing", "", /^The request is not JSON: /],
    ["an unknown operation", '{"op":"reboot"}', /^The request is not valid: op: .*got "reboot"$/],
    ["a bad name", '{"op":"checkpoint","name":"Redis!"}', /name: expected a name of 1 to 40 .*got "Redis!"$/],
    ["an unknown key", '{"op":"status","x":1}', /^The request is not valid: x: unknown key$/],
    [
      "more than 4 MiB",
      `"${"x".repeat(5_000_000)}"`,
      /^The request has 5000002 bytes, expected at most 4194304$/,
    ],
  ];
  for (const [what, body, message] of badBodies) {
    it(`refuses a body with ${what} and never calls the handler`, async () => {
      api = await start();
      const answer = await call("POST", "/ctl", body);
      const reply = JSON.parse(answer.text);
      assert.equal(answer.status, 400);
      assert.deepEqual([reply.ok, reply.code], [false, "invalid"]);
      assert.match(reply.message, message);
      assert.deepEqual(handled, []);
    });
  }

  it("turns an error of the handler into a sentence without a stack", async () => {
    handle = async () => {
      throw new Error("The engine did not answer within 5 s.");
    };
    api = await start();
    const answer = await call("POST", "/ctl", '{"op":"status"}');
    assert.deepEqual(JSON.parse(answer.text), {
      ok: false,
      code: "failed",
      message: "The engine did not answer within 5 s.",
    });
  });

  it("says what it serves when asked for something else", async () => {
    api = await start();
    const answer = await call("GET", "/ctl");
    assert.equal(answer.status, 404);
    assert.match(JSON.parse(answer.text).message, /^Nothing is served at GET \/ctl; expected POST \/ctl/);
  });

  it("lists the latest events, one a line", async () => {
    api = await start();
    const answer = await call("GET", "/events?limit=2");
    assert.deepEqual(
      answer.text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).sentence),
      ["two", "three"],
    );
    assert.equal((await call("GET", "/events?limit=0")).status, 400);
  });

  it("sends a follower what happens, and forgets it when it goes away", async () => {
    api = await start();
    const stream = await open("GET", "/events?limit=1&follow=1");
    const chunks = stream.setEncoding("utf8")[Symbol.asyncIterator]();
    assert.equal(JSON.parse((await chunks.next()).value).sentence, "three");
    for (const sentence of ["four", "five"]) {
      for (const listener of listeners) listener(event(sentence));
      assert.equal(JSON.parse((await chunks.next()).value).sentence, sentence);
    }
    const forgotten = new Promise<void>((resolve) => {
      const remove = listeners.delete.bind(listeners);
      listeners.delete = (listener) => {
        resolve();
        return remove(listener);
      };
    });
    stream.destroy();
    await forgotten;
    assert.equal(listeners.size, 0);
  });

  it("cuts off a follower that does not read", async () => {
    api = await start();
    const stream = await open("GET", "/events?limit=1&follow=1");
    const cut = new Promise((resolve) => stream.once("error", resolve));
    const long = event("x".repeat(100_000));
    for (let sent = 0; sent < 40; sent++) for (const listener of listeners) listener(long);
    stream.resume();
    await cut;
    assert.equal(listeners.size, 0);
  });

  it("ends its followers and removes the socket when it closes", async () => {
    api = await start();
    const stream = await open("GET", "/events?follow=1");
    await api.close();
    api = undefined;
    assert.equal((await text(stream)).trimEnd().split("\n").length, 3);
    await assert.rejects(stat(socketPath), { code: "ENOENT" });
  });

  it("replaces the socket file that a killed agent left behind", async () => {
    const leave = `require("net").createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", leave]);
    assert.ok((await stat(socketPath)).isSocket());
    api = await start();
    assert.equal((await call("GET", "/status")).status, 200);
  });

  it("does not take the socket away from an agent that answers", async () => {
    api = await start();
    await assert.rejects(start(), { message: /another process answers there/ });
    assert.equal((await call("GET", "/status")).status, 200);
  });

  it("says where it cannot listen", async () => {
    socketPath = join(folder, "missing", "agent.sock");
    await assert.rejects(start(), { message: /^Cannot listen on .*missing\/agent.sock: .*(EACCES|ENOENT)/ });
  });
});
