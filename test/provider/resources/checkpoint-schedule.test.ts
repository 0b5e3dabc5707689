import assert from "node:assert/strict";
import { UNKNOWN } from "../../../provider/frame/unknown";
import { checkpointScheduleHandlers as handlers } from "../../../provider/resources/checkpoint-schedule";
import { type FakeGroup, fakeHandle, ok, startFakeGroup, statusOf } from "./fake-group";

const connection = { host: "10.0.0.11", insecure: true, password: "let-me-in" };
const handle = fakeHandle([{ name: "ha1", connection }]);
const known = { name: "s", container: "redis", stack: "shop/dev", group: handle.group, handle };
const reasons = async (changed: Record<string, unknown>) =>
  (await handlers.check({}, { ...known, ...changed })).failures.map(({ reason }) => reason);

describe("a checkpoint schedule", () => {
  const table: { title: string; input: Record<string, unknown>; expected: string[] }[] = [
    { title: "takes an interval", input: { intervalSeconds: 2.5 }, expected: [] },
    { title: "takes cron fields", input: { cron: "*/5 * * * *" }, expected: [] },
    {
      title: "refuses neither of both",
      input: {},
      expected: ["expected exactly one of intervalSeconds and cron, got none"],
    },
    {
      title: "refuses both",
      input: { intervalSeconds: 1, cron: "* * * * *" },
      expected: ["expected exactly one of intervalSeconds and cron, got both"],
    },
    {
      title: "refuses what is no cron line",
      input: { cron: "hourly" },
      expected: ['cron: expected five or six cron fields (UTC) such as "*/5 * * * *", got "hourly"'],
    },
    {
      title: "refuses cron fields that the agents' parser does not take, with its reason",
      input: { cron: "61 * * * *" },
      expected: [
        'cron: expected five or six cron fields (UTC) such as "*/5 * * * *", got "61 * * * *" (CronPattern: Invalid value for minute: 61)',
      ],
    },
    {
      title: "refuses an interval shorter than a checkpoint",
      input: { intervalSeconds: 0.1 },
      expected: ["intervalSeconds: Too small: expected number to be >=0.5, got 0.1"],
    },
    {
      title: "refuses an unknown key",
      input: { cron: "* * * * *", every: 2 },
      expected: ["every: unknown key"],
    },
    {
      title: "waits with an interval that is not known yet",
      input: { intervalSeconds: UNKNOWN, handle: UNKNOWN },
      expected: [],
    },
    {
      title: "refuses neither of both already when the group is not known yet",
      input: { handle: UNKNOWN },
      expected: ["expected exactly one of intervalSeconds and cron, got none"],
    },
  ];
  for (const { title, input, expected } of table) {
    it(title, async () => assert.deepEqual(await reasons(input), expected));
  }

  describe("against a group", () => {
    let group: FakeGroup;
    const member = () => group.members[0]!;
    const inputs = () => {
      const { group: name } = group.handle;
      return { ...known, group: name, handle: group.handle, intervalSeconds: 2, retain: 3 };
    };

    beforeEach(async () => {
      group = await startFakeGroup({ members: 1 });
    });
    afterEach(() => group.close());

    it("is written, and returns once a generation is committed under it", async () => {
      const busy = { ok: false, code: "refused", message: "redis is busy (checkpoint); try again" } as const;
      member().reply("checkpoint", busy, ok({ gen: 8, epoch: 2, holders: ["ha1", "ha2"] }));
      const { outs } = await handlers.create(inputs());
      assert.deepEqual(outs.generation, { gen: 8, epoch: 2 });
      assert.deepEqual(member().requests(), [
        {
          op: "set-schedule",
          name: "redis",
          schedule: { intervalMs: 2000, retain: 3, stack: "shop/dev" },
        },
        { op: "checkpoint", name: "redis" },
        { op: "checkpoint", name: "redis" },
      ]);
    });

    it("says that its container is not protected", async () => {
      const message = "container redis is not protected in group g";
      member().reply("set-schedule", { ok: false, code: "not-found", message });
      await assert.rejects(handlers.create(inputs()), {
        message: `CheckpointSchedule s: create: ${message}`,
      });
    });

    it("stays in the state where no generation could be taken under it", async () => {
      member().reply("checkpoint", { ok: false, code: "failed", message: "the disk is full" });
      await assert.rejects(
        handlers.create(inputs()),
        (error: Error & { id?: string }) => error.id !== undefined && /the disk is full/.test(error.message),
      );
    });

    it("is gone with its container, and else stays as it was proved", async () => {
      const stored = { ...inputs(), generation: { gen: 3, epoch: 1 }, status: "ok" };
      const containers = [{ name: "redis", generation: { gen: 99, epoch: 4 } }];
      member().reply("status", ok(statusOf({ containers })), ok(statusOf({})));
      assert.deepEqual((await handlers.read("id", stored)).props.generation, { gen: 3, epoch: 1 });
      assert.equal((await handlers.read("id", stored)).id, "");
    });

    it("is taken back by name and stack", async () => {
      await handlers.delete("id", { ...inputs(), status: "ok" });
      assert.deepEqual(member().requests(), [{ op: "unset-schedule", name: "redis", stack: "shop/dev" }]);
    });
  });
});
