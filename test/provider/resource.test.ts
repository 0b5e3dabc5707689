import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { z } from "zod";
import { nameSchema } from "../../provider/contract";
import { UserError } from "../../provider/errors";
import { UNKNOWN } from "../../provider/frame/unknown";
import { defineResource, type Handlers, type ResourceDefinition } from "../../provider/resource";

const inputs = z
  .strictObject({
    name: nameSchema,
    place: z.string(),
    size: z.int().min(1).default(3),
    peers: z.array(z.strictObject({ port: z.int().max(65535) })).default([]),
    password: z.string().optional(),
  })
  .superRefine((value, context) => {
    if (value.size === 13)
      context.addIssue({ code: "custom", path: ["size"], message: "expected a lucky size, got 13" });
  });
const outputs = z.object({ seen: z.string(), count: z.number().optional() });
type Definition = ResourceDefinition<typeof inputs, typeof outputs>;

describe("the frame of a resource", () => {
  describe("check", () => {
    const table: { title: string; news: Record<string, unknown>; reasons: string[] }[] = [
      { title: "accepts what is valid", news: { name: "a", place: "x" }, reasons: [] },
      {
        title: "names an unknown key",
        news: { name: "a", place: "x", colour: "red" },
        reasons: ["colour: unknown key"],
      },
      {
        title: "names the path of a wrong value deep inside",
        news: { name: "a", place: "x", peers: [{ port: 22 }, { port: "ssh" }] },
        reasons: ['peers[1].port: expected number, got "ssh"'],
      },
      {
        title: "does not show the value of a secret",
        news: { name: "a", place: "x", password: 1234567 },
        reasons: ["password: expected string"],
      },
      {
        title: "asks the rules beyond the schema",
        news: { name: "a", place: "nowhere" },
        reasons: ["place: expected a place that exists"],
      },
      {
        title: "waits with values that are not known yet",
        news: { name: "a", place: UNKNOWN, size: UNKNOWN },
        reasons: [],
      },
      {
        title: "still finds what is wrong beside an unknown value",
        news: { name: "A", place: "x", peers: UNKNOWN },
        reasons: ['name: expected a name of 1 to 40 lower-case letters, digits and inner dashes, got "A"'],
      },
    ];
    for (const { title, news, reasons } of table) {
      it(title, async () => {
        const result = await handlers({}).check({}, { ...news, __provider: "p" });
        assert.deepEqual(
          result.failures.map((failure) => failure.reason),
          reasons,
        );
        assert.equal(result.inputs.__provider, "p");
      });
    }

    it("returns the inputs with their defaults", async () => {
      const result = await handlers({}).check({}, { name: "a", place: "x", __provider: "p" });
      assert.deepEqual(result.inputs, { name: "a", place: "x", size: 3, peers: [], __provider: "p" });
    });
  });

  describe("diff", () => {
    const olds = { name: "a", place: "x", size: 3, peers: [], seen: "s", schemaVersion: 1, status: "ok" };
    const table: { title: string; olds?: object; news: object; changes: boolean; replaces?: string[] }[] = [
      { title: "sees no change in equal inputs", news: {}, changes: false },
      { title: "sees a changed input", news: { size: 4 }, changes: true },
      {
        title: "replaces when what identifies it changes",
        news: { place: "y" },
        changes: true,
        replaces: ["place"],
      },
      {
        title: "treats an unknown value as a change, not as a replacement",
        news: { place: UNKNOWN },
        changes: true,
      },
      {
        title: "resumes what an earlier run left degraded",
        olds: { status: "degraded" },
        news: {},
        changes: true,
      },
      {
        title: "updates when the state cannot be read by this version",
        olds: { size: "three" },
        news: {},
        changes: true,
      },
      {
        title: "asks the resource whether its outputs are outdated",
        olds: { seen: "old" },
        news: {},
        changes: true,
      },
      { title: "ignores what `desired` leaves out", news: { password: "other" }, changes: false },
    ];
    for (const { title, olds: changed, news, changes, replaces = [] } of table) {
      it(title, async () => {
        const result = await handlers({}).diff(
          "id",
          { ...olds, ...changed },
          { name: "a", place: "x", size: 3, peers: [], ...news },
        );
        assert.deepEqual(result, { changes, replaces, deleteBeforeReplace: true });
      });
    }
  });

  it("is replaced with what it is a part of, which is unknown while that is replaced", async () => {
    const olds = { name: "a", place: "x", size: 3, peers: [], seen: "s", schemaVersion: 1, status: "ok" };
    const part = handlers({ partOf: "place" });
    const { replaces } = await part.diff("id", olds, { name: "a", place: UNKNOWN, size: UNKNOWN, peers: [] });
    assert.deepEqual(replaces, ["place"]);
    assert.deepEqual((await part.diff("id", olds, { ...olds, size: UNKNOWN })).replaces, []);
  });

  describe("create and update", () => {
    const news = { name: "a", place: "x", password: "hunter22", __provider: "p" };

    it("stores inputs, outputs, schema version and status as plain JSON", async () => {
      const { id, outs } = await handlers({ apply: async () => ({ seen: "s", count: undefined }) }).create(
        news,
      );
      assert.equal(id, "thing/a");
      const { incarnation, ...rest } = outs!;
      assert.equal(typeof incarnation, "string");
      assert.deepEqual(rest, {
        name: "a",
        place: "x",
        size: 3,
        peers: [],
        password: "hunter22",
        seen: "s",
        schemaVersion: 1,
        status: "ok",
      });
    });

    it("leaves nothing in the state when it failed before anything was touched", async () => {
      const error = await failure(
        handlers({ apply: () => Promise.reject(new UserError("no route")) }).create(news),
      );
      assert.equal(error.message, "Thing a: create: no route");
      assert.equal("id" in error, false);
    });

    it("keeps the resource with its provider, degraded, when it failed half way", async () => {
      const error = await failure(
        handlers({
          async apply({ context }) {
            context.keep({ seen: "half" });
            throw new UserError("disk full");
          },
        }).create(news),
      );
      assert.equal(error.id, "thing/a");
      assert.deepEqual(error.reasons, ["Thing a: create: disk full"]);
      assert.equal(error.properties?.__provider, "p");
      assert.equal(error.properties?.seen, "half");
      assert.equal(error.properties?.status, "degraded");
      assert.equal(error.properties?.size, 3);
    });

    it("keeps earlier outputs when an update fails half way", async () => {
      const olds = { ...news, seen: "before", count: 7, status: "ok" };
      const error = await failure(
        handlers({
          async apply({ context, stored }) {
            assert.equal(stored?.outputs.count, 7);
            context.keep({ seen: "after" });
            throw new UserError("gone");
          },
        }).update("thing/a", olds, news),
      );
      assert.equal(error.properties?.seen, "after");
      assert.equal(error.properties?.count, 7);
    });

    it("shows no secret and no stack in the message of a user's mistake", async () => {
      const error = await failure(
        handlers({ apply: () => Promise.reject(new UserError("login with hunter22 failed")) }).create(news),
      );
      assert.equal(`${error}: ${error.stack}`, "Thing a: create: login with [secret] failed: ");
    });

    it("says that an unexpected error is a defect and where it came from", async () => {
      const error = await failure(
        handlers({
          apply: async () => {
            throw new TypeError("x is not a function");
          },
        }).create(news),
      );
      assert.match(
        error.message,
        /^Thing a: create: unexpected failure: x is not a function\nThis is a defect/,
      );
      assert.match(error.message, /resource\.test/);
    });

    it("ends after the total time and names the last step", async () => {
      const error = await failure(
        handlers({
          timeoutMs: 20,
          apply({ context }) {
            context.log("waiting for hunter22");
            return new Promise(() => {});
          },
        }).create(news),
      );
      assert.match(error.message, /did not end within .* the last step was: waiting for \[secret\]/);
    });
  });

  describe("refresh and delete", () => {
    const props = {
      name: "a",
      place: "x",
      size: 3,
      peers: [],
      seen: "s",
      status: "degraded",
      __provider: "p",
    };

    it("stays degraded after a refresh", async () => {
      const { id, props: fresh } = await handlers({ read: async () => ({ seen: "now" }) }).read(
        "thing/a",
        props,
      );
      assert.equal(id, "thing/a");
      assert.equal(fresh.seen, "now");
      assert.equal(fresh.status, "degraded");
    });

    it("tells Pulumi with an empty id that it is gone", async () => {
      assert.equal((await handlers({ read: async () => null }).read("thing/a", props)).id, "");
    });

    it("leaves alone what another resource of the run has created: it was renamed in the program", async () => {
      const removed: string[] = [];
      const thing = handlers({
        async remove({ inputs: { name } }) {
          removed.push(name);
        },
      });
      const news = { name: "c", place: "x", __provider: "p" };
      const { id, outs: former } = await thing.create(news);
      const { outs } = await thing.create(news);
      await thing.delete(id, former!);
      assert.deepEqual(removed, []);
      const { outs: updated } = await thing.update(id, outs!, { ...news, size: 4 });
      await thing.delete(id, updated!);
      assert.deepEqual(removed, ["c"]);
    });

    it("hands stored inputs and outputs to the removal", async () => {
      let seen: unknown;
      await handlers({
        async remove({ stored }) {
          seen = stored;
        },
      }).delete("thing/b", { ...props, name: "b" });
      assert.deepEqual(seen, {
        id: "thing/b",
        inputs: { name: "b", place: "x", size: 3, peers: [] },
        outputs: { seen: "s" },
      });
    });
  });
});

function handlers(parts: Partial<Definition>): Handlers {
  return defineResource({
    kind: "Thing",
    inputs,
    outputs,
    id: (values) => `thing/${values.name}`,
    replaceOn: ["name", "place"],
    secretInputs: ["password"],
    secrets: (values) => (values.password ? [values.password] : []),
    check: (values) =>
      values.place === "nowhere" ? [{ path: "place", message: "expected a place that exists" }] : [],
    desired: ({ password: _password, ...rest }) => rest,
    outdated: (stored) => stored.outputs.seen === "old",
    apply: async () => ({ seen: "s" }),
    read: async () => ({ seen: "s" }),
    remove: async () => {},
    ...parts,
  });
}

interface Failure extends Error {
  id?: string;
  properties?: Record<string, unknown>;
  reasons?: string[];
}

async function failure(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    return error as Failure;
  }
  throw new assert.AssertionError({ message: "expected a failure" });
}
