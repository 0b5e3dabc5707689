import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Api, startApi } from "../../../provider/agent/api/server";
import type { CtlReply, CtlRequest, Event } from "../../../provider/contract";
import { healthyGroup } from "./group-status";

const bundles = join(__dirname, "..", "..", "..", "host");
/** What `container-ha ctl` may have to read before it asks, bytes: without schemas it is little. */
const CTL_BYTES = 20_000;

describe("container-ha as a process", () => {
  let folder: string;
  let socketPath: string;
  let api: Api | undefined;
  let handle: (request: CtlRequest) => Promise<CtlReply>;
  const listeners = new Set<(event: Event) => void>();
  const recent: Event[] = [
    {
      at: "2026-10-02T10:00:00Z",
      host: "a",
      container: "redis",
      kind: "checkpoint",
      sentence: "Committed 2-17.",
    },
    { at: "2026-10-02T10:00:01Z", host: "a", kind: "fence", sentence: "Fenced host b, silent for 1000 ms." },
  ];
  const later: Event = {
    at: "2026-10-02T10:00:02Z",
    host: "a",
    kind: "failover",
    sentence: "redis goes to a.",
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "container-ha-cli-"));
    socketPath = join(folder, "agent.sock");
    for (const program of ["cli.js", "ctl.js"]) await copyFile(join(bundles, program), join(folder, program));
  });
  after(() => rm(folder, { recursive: true }));

  beforeEach(async () => {
    handle = async () => ({ ok: true, result: healthyGroup() });
    api = await startApi({
      socketPath,
      handle: (request) => handle(request),
      events: {
        recent: (limit) => recent.slice(-limit),
        onEvent: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    });
  });
  afterEach(async () => {
    await api?.close();
  });

  const start = (args: string[], options: { uid?: number } = {}) => spawnProgram(args, options);

  function spawnProgram(
    args: string[],
    { program = "cli", ...options }: { program?: "cli" | "ctl"; uid?: number } = {},
  ): ChildProcess {
    return spawn(process.execPath, [join(folder, `${program}.js`), ...args], {
      env: {
        ...process.env,
        CONTAINER_HA_SOCKET: socketPath,
        // What one run compiles serves the others.
        NODE_COMPILE_CACHE: join(folder, "compiled"),
      },
      ...options,
    });
  }

  async function finish(child: ChildProcess, stdin = "") {
    child.stdin!.end(stdin);
    const [out, err, [exitCode]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, "close"),
    ]);
    return { out, err, exitCode };
  }

  /** Reads until `pattern` was printed. */
  async function printed(child: ChildProcess, pattern: RegExp): Promise<void> {
    let seen = "";
    await new Promise<void>((resolve, reject) => {
      child.stdout!.on("data", (chunk) => {
        seen += chunk;
        if (pattern.test(seen)) resolve();
      });
      child.once("close", () => reject(new Error(`It ended after printing ${JSON.stringify(seen)}`)));
    });
  }

  it("prints the status as tables", async () => {
    const { out, err, exitCode } = await finish(start(["status"]));
    assert.match(out, /^Group shop: the store has a quorum .*\n/);
    assert.match(out, /^redis +RUNNING +a /m);
    assert.deepEqual([err, exitCode], ["", 0]);
  });

  it("prints the status as one JSON value", async () => {
    const { out, exitCode } = await finish(start(["status", "--json"]));
    assert.deepEqual([JSON.parse(out), exitCode], [healthyGroup(), 0]);
  });

  it("prints the agent's refusal and exits with 1", async () => {
    const requests: CtlRequest[] = [];
    handle = async (request) => {
      requests.push(request);
      return { ok: false, code: "not-found", message: "There is no container redis in group shop." };
    };
    const { out, err, exitCode } = await finish(start(["checkpoint", "redis"]));
    assert.deepEqual(requests, [{ op: "checkpoint", name: "redis" }]);
    assert.deepEqual([out, err, exitCode], ["", "There is no container redis in group shop.\n", 1]);
  });

  it("says that a checkpoint is done, or prints the agent's result", async () => {
    handle = async () => ({ ok: true, result: { gen: 18, epoch: 2 } });
    assert.equal((await finish(start(["checkpoint", "redis"]))).out, "A generation of redis is committed.\n");
    assert.equal((await finish(start(["checkpoint", "redis", "--json"]))).out, '{"gen":18,"epoch":2}\n');
  });

  for (const program of ["cli", "ctl"] as const) {
    const start = (args: string[]) => spawnProgram(program === "ctl" ? [] : args, { program });

    it(`carries a ctl request and its reply, and a refusal is an answer too (${program}.js)`, async () => {
      const done = await finish(start(["ctl"]), '{"op":"status"}\n');
      assert.deepEqual([JSON.parse(done.out), done.exitCode], [{ ok: true, result: healthyGroup() }, 0]);
      const refused = await finish(start(["ctl"]), "nonsense");
      assert.equal(JSON.parse(refused.out).code, "invalid");
      assert.deepEqual([refused.err, refused.exitCode], ["", 0]);
    });

    it(`says where to look, and exits with 3, when nobody answers a ctl request (${program}.js)`, async () => {
      await api!.close();
      api = undefined;
      const { out, err, exitCode } = await finish(start(["ctl"]), '{"op":"status"}');
      assert.match(err, /^The agent is not running on this host: .*systemctl status/);
      assert.deepEqual([out, exitCode], ["", 3]);
    });
  }

  it("loads for a ctl request of a handler nothing that only other commands need", async () => {
    const { size } = await stat(join(folder, "ctl.js"));
    assert.ok(size < CTL_BYTES, `ctl.js has ${size} bytes`);
  });

  it("prints past events in columns", async () => {
    const { out, exitCode } = await finish(start(["events"]));
    assert.equal(
      out,
      "2026-10-02 10:00:00Z  a  redis  checkpoint  Committed 2-17.\n" +
        "2026-10-02 10:00:01Z  a  -      fence       Fenced host b, silent for 1000 ms.\n",
    );
    assert.equal(exitCode, 0);
  });

  it("prints past events as JSON lines", async () => {
    const { out } = await finish(start(["events", "--json", "--limit", "1"]));
    assert.deepEqual(out, `${JSON.stringify(recent[1])}\n`);
  });

  it("follows until it is interrupted, then exits with 0", async () => {
    const child = start(["events", "--follow", "--limit", "1"]);
    await printed(child, /Fenced host b/);
    const next = printed(child, /redis goes to a\.\n/);
    for (const listener of listeners) listener(later);
    await next;
    child.kill("SIGINT");
    const { err, exitCode } = await finish(child);
    assert.deepEqual([err, exitCode], ["", 0]);
  });

  it("stops following with a sentence and 3 when the agent stops", async () => {
    const child = start(["events", "--follow"]);
    await printed(child, /Fenced host b/);
    await api!.close();
    api = undefined;
    const { err, exitCode } = await finish(child);
    assert.deepEqual([err, exitCode], ["The agent stopped, so no more events come from it.\n", 3]);
  });

  it("ends quietly when its reader goes away", async () => {
    const child = start(["events", "--follow"]);
    await printed(child, /Fenced host b/);
    child.stdout!.destroy();
    const closed = once(child, "exit");
    for (const listener of listeners) listener(later);
    for (const listener of listeners) listener(later);
    const [exitCode] = await closed;
    assert.equal(exitCode, 0);
  });

  it("exits with 3 when the agent stops before it answers", async () => {
    const asked = new Promise<void>((resolve) => {
      handle = () => {
        resolve();
        return new Promise(() => {});
      };
    });
    const finished = finish(start(["ctl"]), '{"op":"status"}');
    await asked;
    await api!.close();
    api = undefined;
    const { out, err, exitCode } = await finished;
    assert.match(err, /^The agent stopped before it had answered /);
    assert.deepEqual([out, exitCode], ["", 3]);
  });

  it("tells somebody who is not root to become root", async function () {
    if (process.getuid?.() !== 0) this.skip();
    await chown(folder, 65534, 65534);
    await chmod(join(folder, "cli.js"), 0o644);
    const { err, exitCode } = await finish(start(["status"], { uid: 65534 }));
    assert.equal(
      err,
      `Only root may talk to the agent (${socketPath}). Run the command as root, for example with sudo.\n`,
    );
    assert.equal(exitCode, 1);
  });

  it("exits with 2 and a hint on wrong usage", async () => {
    const { out, err, exitCode } = await finish(start(["status", "--jsno"]));
    assert.equal(err, `Unknown option '--jsno'. See "container-ha help status".\n`);
    assert.deepEqual([out, exitCode], ["", 2]);
  });
});
