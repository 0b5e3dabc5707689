import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ContainerSpec, specDigest } from "../../../provider/contract";
import { GroupRefused } from "../../../provider/control";
import { UNKNOWN } from "../../../provider/frame/unknown";
import { containerInputs, specFor } from "../../../provider/resources/container-spec";
import { declareContainer } from "../../../provider/resources/container-watch";
import { protectedContainerHandlers as handlers } from "../../../provider/resources/protected-container";
import { containerStatus, type FakeGroup, fakeHandle, ok, startFakeGroup, statusOf } from "./fake-group";

const connection = { host: "10.0.0.11", insecure: true, password: "let-me-in" };
const handle = fakeHandle(["ha1", "ha2", "ha3"].map((name) => ({ name, connection })));
const known = {
  name: "redis",
  stack: "shop/dev",
  group: handle.group,
  handle,
  subnet: "10.0.0.0/24",
  hosts: handle.policy.hosts,
  image: "docker.io/library/redis:7",
  virtualIps: ["10.0.0.50"],
};

async function reasons(changed: Record<string, unknown>): Promise<string[]> {
  const { failures } = await handlers.check({}, { ...known, ...changed });
  return failures.map(({ reason }) => reason);
}

describe("a protected container", () => {
  describe("refuses bad input before anything is touched", () => {
    const table: { title: string; input: Record<string, unknown>; expected: RegExp }[] = [
      { title: "an unknown key", input: { colour: "red" }, expected: /^colour: unknown key$/ },
      {
        title: "a wrong type",
        input: { memory: "64m" },
        expected: /^memory: expected number, got "64m"$/,
      },
      {
        title: "a virtual IP outside the subnet",
        input: { virtualIps: ["10.0.0.50", "10.9.0.50"] },
        expected:
          /^virtualIps\[1\]: expected an address in the group's subnet 10\.0\.0\.0\/24, got 10\.9\.0\.50$/,
      },
      {
        title: "a virtual IP that is a host's address",
        input: { virtualIps: ["10.0.0.12"] },
        expected: /^virtualIps\[0\]: expected a free address, got 10\.0\.0\.12, which is host ha2's own$/,
      },
      {
        title: "a virtual IP that is given twice",
        input: { virtualIps: ["10.0.0.50", "10.0.0.50"] },
        expected: /^virtualIps\[1\]: 10\.0\.0\.50 is given twice$/,
      },
      {
        title: "something that is no address",
        input: { virtualIps: ["redis.local"] },
        expected: /^virtualIps\[0\]: expected an IP address, got "redis\.local"/,
      },
      {
        title: "host networking, with the reason",
        input: { networkMode: "host" },
        expected:
          /^networkMode: host and other network modes are refused: a protected container has its own address/,
      },
      {
        title: "a bind mount, with the reason",
        input: { volumes: [{ hostPath: "/srv", containerPath: "/data" }] },
        expected:
          /^volumes: bind mounts and named volumes are refused: data outside the container's own layer/,
      },
      {
        title: "a named volume, with the reason",
        input: { mounts: [{ type: "volume", source: "data", target: "/data" }] },
        expected: /^mounts: bind mounts and named volumes are refused/,
      },
      {
        title: "a privileged container, with the reason",
        input: { privileged: true },
        expected: /^privileged: privileged containers are refused: CRIU cannot restore/,
      },
      {
        title: "a restart policy, with the reason",
        input: { restart: "always" },
        expected: /^restart: restart policies are refused: the agents start, stop and restart/,
      },
      {
        title: "a probe that asks two things",
        input: { probes: [{ tcp: { port: 1 }, http: { port: 2 } }] },
        expected: /^probes\[0\]: expected exactly one of http, tcp and exec/,
      },
      {
        title: "a preferred host that is not in the group",
        input: { preferredHost: "ha9" },
        expected: /^preferredHost: expected a member of the group \(ha1, ha2, ha3\), got "ha9"$/,
      },
      {
        title: "more standbys than there are other members",
        input: { standbys: 3 },
        expected: /^standbys: expected at most 2, one less than the group has members, got 3$/,
      },
      {
        title: "an image archive that is not there",
        input: { image: { archive: "/nowhere/redis.tar" } },
        expected: /^image\.archive: expected a readable image archive: ENOENT/,
      },
      {
        title: "an environment entry without a name",
        input: { envs: ["=x"] },
        expected: /^envs\[0\]: expected "NAME=value"$/,
      },
    ];
    for (const { title, input, expected } of table) {
      it(title, async () => {
        const found = await reasons(input);
        assert.equal(found.length, 1, found.join("\n"));
        assert.match(found[0]!, expected);
      });
    }

    it("already at a first preview, when the group's handle is not known yet", async () => {
      const found = await reasons({ handle: UNKNOWN, virtualIps: ["10.9.0.50"] });
      assert.deepEqual(found, [
        "virtualIps[0]: expected an address in the group's subnet 10.0.0.0/24, got 10.9.0.50",
      ]);
    });

    it("but waits with what is not known yet", async () => {
      assert.deepEqual(
        await reasons({ handle: UNKNOWN, subnet: UNKNOWN, hosts: UNKNOWN, group: UNKNOWN }),
        [],
      );
      assert.deepEqual(await reasons({ virtualIps: [UNKNOWN], image: UNKNOWN }), []);
    });
  });

  describe("in a plan", () => {
    const outputs = { phase: "RUNNING", primary: "ha1", epoch: 1, generation: null, standbyHosts: ["ha2"] };
    const state = async (changed: Record<string, unknown> = {}) => {
      const { inputs } = await handlers.check({}, { ...known, ...changed });
      return { ...inputs, ...outputs, lastFailover: null, status: "ok", schemaVersion: 1 };
    };
    const diff = async (olds: Record<string, unknown>, changed: Record<string, unknown>) => {
      const { inputs } = await handlers.check({}, { ...known, ...changed });
      return { inputs, lines: await printed(() => handlers.diff("id", olds, inputs)) };
    };

    it("shows no change after a failover", async () => {
      const after = { ...(await state()), primary: "ha3", epoch: 2, generation: { gen: 9, epoch: 1 } };
      const { lines } = await diff(after, {});
      assert.deepEqual(lines.result.changes, false);
      assert.deepEqual(lines.printed, []);
    });

    for (const [what, changed] of Object.entries({
      image: { image: "docker.io/library/redis:8" },
      command: { command: ["redis-server", "--appendonly", "yes"] },
      envs: { envs: ["A=1"] },
      memory: { memory: 256 },
      virtualIps: { virtualIps: ["10.0.0.51"] },
    })) {
      it(`says that a changed ${what} is a cold start, in an input that changes and in a line`, async () => {
        const before = (await state()) as Record<string, unknown>;
        const { inputs, lines } = await diff(before, changed);
        assert.deepEqual(lines.result, { changes: true, replaces: [], deleteBeforeReplace: true });
        assert.notEqual(inputs.coldStart, before.coldStart);
        assert.match(String(inputs.coldStart), /^workload [0-9a-f]{8}: a change here is a cold start/);
        assert.deepEqual(lines.printed, [
          `ProtectedContainer redis: the changed ${what} means a cold start under a new epoch: its memory is not kept`,
        ]);
      });
    }

    it("says that a changed preferred host is a live migration, which keeps the memory", async () => {
      const before = (await state()) as Record<string, unknown>;
      const { inputs, lines } = await diff(before, { preferredHost: "ha2" });
      assert.deepEqual(lines.result, { changes: true, replaces: [], deleteBeforeReplace: true });
      assert.equal(inputs.coldStart, before.coldStart);
      assert.deepEqual(lines.printed, [
        "ProtectedContainer redis: the changed preferredHost means a live migration to ha2: its memory and its connections are kept",
      ]);
    });

    for (const [what, changed] of Object.entries({
      standbys: { standbys: 2 },
      probes: { probes: [{ tcp: { port: 6379 } }] },
      onFailure: { onFailure: { crash: "failover" } },
    })) {
      it(`shows a changed ${what} as an update that keeps the memory`, async () => {
        const before = (await state()) as Record<string, unknown>;
        const { inputs, lines } = await diff(before, changed);
        assert.deepEqual(lines.result, { changes: true, replaces: [], deleteBeforeReplace: true });
        assert.equal(inputs.coldStart, before.coldStart);
        assert.deepEqual(lines.printed, []);
      });
    }

    it("shows nothing but the handle as changed while the group is being changed", async () => {
      const before = (await state()) as Record<string, unknown>;
      const { inputs, lines } = await diff(before, { handle: UNKNOWN, subnet: UNKNOWN });
      const differing = Object.keys(inputs).filter(
        (key) => JSON.stringify(inputs[key]) !== JSON.stringify(before[key]),
      );
      assert.deepEqual(differing.sort(), ["handle", "subnet"]);
      assert.deepEqual(lines.printed, []);
    });

    it("replaces when the name or the group changes", async () => {
      const before = await state();
      assert.deepEqual((await diff(before, { name: "cache" })).lines.result.replaces, ["name"]);
      assert.deepEqual((await diff(before, { group: "other" })).lines.result.replaces, ["group"]);
    });

    it("keeps a secret environment out of the line that is not encrypted", async () => {
      const one = await state({ envs: ["P=hunter2"], envsAreSecret: true });
      const two = await state({ envs: ["P=hunter3"], envsAreSecret: true });
      assert.equal((one as Record<string, unknown>).coldStart, (two as Record<string, unknown>).coldStart);
    });

    it("sees that an image archive has other content under the same path", async () => {
      const folder = mkdtempSync(join(tmpdir(), "archive-"));
      const image = { archive: join(folder, "redis.tar") };
      try {
        writeFileSync(image.archive, "one");
        const before = await state({ image });
        assert.equal((await diff(before, { image })).lines.result.changes, false);
        writeFileSync(image.archive, "other");
        assert.equal((await diff(before, { image })).lines.result.changes, true);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });

  describe("against a group", () => {
    let group: FakeGroup;
    let inputs: Record<string, unknown>;
    let digest: string;
    const running = (parts = {}) => ok(statusOf({ containers: [{ specDigest: digest, ...parts }] }));
    const first = () => group.members[0]!;
    const asked = () =>
      first()
        .requests()
        .map(({ op }) => op);

    beforeEach(async () => {
      group = await startFakeGroup({ members: 3 });
      const given = { ...known, group: group.handle.group, handle: group.handle };
      const { __provider, ...checked } = (await handlers.check({}, given)).inputs;
      inputs = checked;
      digest = specDigest(specFor(containerInputs.parse(inputs), undefined));
    });
    afterEach(() => group.close());

    it("brings the image to every live member, applies, and returns once a standby holds a generation", async () => {
      first().reply(
        "status",
        ok(statusOf({ hosts: [{ name: "ha1" }, { name: "ha2" }, { name: "ha3", state: "dead" }] })),
        running({ phase: "PENDING", primary: null, generation: null, holders: [] }),
        running({ generation: null, holders: [] }),
        running({ epoch: 1 }),
      );
      const { result, printed: lines } = await printed(() => handlers.create(inputs));
      assert.equal(result.id, `${group.handle.group}/redis`);
      assert.equal(result.outs.primary, "ha1");
      assert.deepEqual(result.outs.standbyHosts, ["ha2"]);
      assert.deepEqual(asked(), ["status", "pull", "apply", "status", "status", "status"]);
      assert.deepEqual(group.members[1]!.requests(), [
        { op: "pull", engine: "podman", image: "docker.io/library/redis:7" },
      ]);
      assert.deepEqual(group.members[2]!.requests(), []);
      assert.match(lines.join("\n"), /runs on ha1, the first generation is on its way to a standby/);
    });

    const slow = {
      ok: false,
      code: "not-yet",
      message: "too few live members can take it: ha2 does not renew its lease in time",
    } as const;

    it("waits, and says once why, while too few members renew their leases in time", async () => {
      first().reply("status", ok(statusOf({})), running({}));
      first().reply("apply", slow, slow, ok({ candidates: ["ha1", "ha2"] }));
      const { printed: lines } = await printed(() => handlers.create(inputs));
      assert.equal(asked().filter((op) => op === "apply").length, 3);
      assert.equal(lines.filter((line) => line.includes(`waits, as ${slow.message}`)).length, 1);
    });

    it("is refused with the reason of each host when that lasts", async () => {
      first().reply("apply", slow);
      const spec = specFor(containerInputs.parse(inputs), undefined);
      const { signal } = new AbortController();
      const request = { op: "apply", spec } as const;
      await assert.rejects(
        declareContainer({ handle: group.handle, log: () => {}, signal, request, patienceMs: 0 }),
        (error) => error instanceof GroupRefused && error.message === slow.message,
      );
    });

    it("brings an image that several containers have to each host once, and again where that failed", async () => {
      first().reply("status", ok(statusOf({})));
      first().reply("apply", { ok: false, code: "refused", message: "not now" });
      group.members[1]!.reply(
        "pull",
        { ok: false, code: "failed", message: "no route" },
        ok({ host: "ha2", volumes: [] }),
      );
      const both = () =>
        Promise.allSettled(["one", "two"].map((name) => handlers.create({ ...inputs, name })));
      for (const outcome of await both())
        assert.match(String((outcome as PromiseRejectedResult).reason), /ha2: no route/);
      for (const outcome of await both())
        assert.match(String((outcome as PromiseRejectedResult).reason), /not now/);
      const pulls = group.members.map((member) => member.requests().filter(({ op }) => op === "pull").length);
      assert.deepEqual(pulls, [1, 2, 1]);
    });

    it("hands the group the specification as declared", async () => {
      first().reply("status", ok(statusOf({})));
      first().reply("apply", { ok: false, code: "refused", message: "not now" });
      await assert.rejects(handlers.create({ ...inputs, command: ["redis-server"] }), /not now/);
      const apply = first()
        .requests()
        .find(({ op }) => op === "apply") as { spec: ContainerSpec };
      assert.equal(apply.spec.stack, "shop/dev");
      assert.deepEqual(apply.spec.workload.command, ["redis-server"]);
      assert.deepEqual(apply.spec.virtualIps, ["10.0.0.50"]);
    });

    it("touches nothing where an image is not found on one of the hosts", async () => {
      first().reply("status", ok(statusOf({})));
      group.members[1]!.reply("pull", { ok: false, code: "failed", message: "manifest unknown" });
      await assert.rejects(handlers.create(inputs), {
        message:
          "ProtectedContainer redis: create: image: the engine cannot get it, and nothing was started:\nha2: manifest unknown",
      });
      assert.ok(!asked().includes("apply"));
    });

    it("refuses an image with a VOLUME that the engine keeps outside of the layer, with the ways out", async () => {
      first().reply("status", ok(statusOf({})));
      for (const member of group.members)
        member.reply("pull", ok({ host: "any", volumes: ["/data", "/logs"] }));
      await assert.rejects(
        handlers.create({ ...inputs, engine: "docker", tmpfs: { "/logs": "" } }),
        /image: it declares a VOLUME at \/data, and docker keeps that outside .* tmpfs: \{ "\/data": "" \}/s,
      );
      assert.ok(!asked().includes("apply"));
    });

    it("takes a tmpfs in the place of such a VOLUME", async () => {
      first().reply("status", ok(statusOf({})));
      first().reply("apply", { ok: false, code: "refused", message: "not now" });
      for (const member of group.members) member.reply("pull", ok({ host: "any", volumes: ["/data"] }));
      await assert.rejects(
        handlers.create({ ...inputs, engine: "docker", tmpfs: { "/data": "size=64m" } }),
        /not now/,
      );
    });

    it("removes again what cannot be checkpointed, and says CRIU's reason", async () => {
      const failure = "CRIU cannot dump it: io_uring is not supported";
      first().reply("status", ok(statusOf({})), running({ phase: "FAILED", primary: null, failure }));
      await assert.rejects(
        handlers.create(inputs),
        (error: Error & { id?: string }) =>
          error.id === undefined && error.message.endsWith(`the group cannot protect it: ${failure}`),
      );
      assert.deepEqual(first().requests().at(-1), { op: "remove", name: "redis", stack: "shop/dev" });
    });

    it("stays in the state where it could not be removed again", async () => {
      first().reply("status", ok(statusOf({})), running({ phase: "FAILED", failure: "no memory" }));
      first().reply("remove", { ok: false, code: "failed", message: "ha2 does not answer" });
      await assert.rejects(
        handlers.create(inputs),
        (error: Error & { id?: string }) =>
          error.id === `${group.handle.group}/redis` &&
          /no memory\nIt could not be removed again/.test(error.message),
      );
    });

    it("passes on the group's refusal of an address that another container has", async () => {
      first().reply("status", ok(statusOf({})));
      first().reply("apply", {
        ok: false,
        code: "conflict",
        message: "virtualIps[0]: 10.0.0.50 is used by container db of stack a/b",
      });
      await assert.rejects(handlers.create(inputs), {
        message:
          "ProtectedContainer redis: create: virtualIps[0]: 10.0.0.50 is used by container db of stack a/b",
      });
    });

    it("adopts a container that runs as declared, without a new beginning", async () => {
      first().reply("status", running({ epoch: 4, generation: { gen: 9, epoch: 4 } }));
      const { result } = await printed(() => handlers.create(inputs));
      assert.equal(result.outs.epoch, 4);
    });

    it("waits for the new beginning after a change of the workload", async () => {
      const olds = { ...inputs, image: "docker.io/library/redis:6", epoch: 1, status: "ok" };
      first().reply(
        "status",
        running({ specDigest: "old", epoch: 1 }),
        running({ epoch: 1 }),
        running({ epoch: 2 }),
      );
      const { result, printed: lines } = await printed(() => handlers.update("id", olds, inputs));
      assert.equal(result.outs.epoch, 2);
      assert.match(lines.join("\n"), /cold start under a new epoch: the workload changed/);
    });

    it("begins anew under the next incarnation where it had failed", async () => {
      const next = specDigest(
        specFor(containerInputs.parse(inputs), { specDigest: digest, phase: "FAILED" }),
      );
      first().reply(
        "status",
        running({ phase: "FAILED", failure: "crashed", epoch: 3 }),
        running({ specDigest: next, epoch: 4 }),
      );
      const { result } = await printed(() =>
        handlers.update("id", { ...inputs, status: "degraded" }, inputs),
      );
      assert.equal(result.outs.epoch, 4);
      const apply = first()
        .requests()
        .find(({ op }) => op === "apply") as { spec: ContainerSpec };
      assert.equal(apply.spec.incarnation, 1);
    });

    it("reads what happened at run time, also from another member while one is dead", async () => {
      first().stop();
      const lastFailover = { from: "ha1", to: "ha2", at: "2026-01-01T00:00:00Z", reason: "ha1 was fenced" };
      const stack = "shop/dev";
      const moved = containerStatus({ primary: "ha2", epoch: 2, lastFailover, stack });
      group.members[1]!.reply("status", ok(statusOf({ containers: [moved] })));
      const { props } = await handlers.read("id", { ...inputs, status: "ok" });
      assert.equal(props.primary, "ha2");
      assert.deepEqual(props.lastFailover, lastFailover);
    });

    it("is gone only where the group says so", async () => {
      first().reply("status", ok(statusOf({})));
      assert.equal((await handlers.read("id", { ...inputs, status: "ok" })).id, "");
    });

    it("is removed by name and stack", async () => {
      await handlers.delete("id", { ...inputs, status: "ok" });
      assert.deepEqual(first().requests(), [{ op: "remove", name: "redis", stack: "shop/dev" }]);
    });
  });
});

/** Runs it and keeps what it prints. */
async function printed<T>(work: () => Promise<T>): Promise<{ result: T; printed: string[] }> {
  const lines: string[] = [];
  const log = console.log;
  console.log = (line: string) => lines.push(line);
  try {
    return { result: await work(), printed: lines };
  } finally {
    console.log = log;
  }
}
