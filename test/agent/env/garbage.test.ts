import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { createDisk } from "../../../provider/agent/env/disk/disk";
import { createEventFile } from "../../../provider/agent/env/event-file";
import { createHost } from "../../../provider/agent/env/host";
import { parseEvents } from "../../../provider/agent/env/runtime/cgroup";
import { parseConnections } from "../../../provider/agent/env/runtime/connections";
import { initOf } from "../../../provider/agent/env/runtime/copies";
import { criuReason } from "../../../provider/agent/env/runtime/criu-log";
import { type Inspected, listed, loadedImage } from "../../../provider/agent/env/runtime/engine";
import { parseRecord } from "../../../provider/agent/env/runtime/record";
import { parseListing } from "../../../provider/agent/lease/listing";
import { generation, sealed, temporaryFolder } from "./support/generations";

/** As the unit "binary", which takes a second to prepare. */
const codePoint = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code));
const text = fc.oneof(
  fc.string({ unit: codePoint }),
  fc.json(),
  fc.constantFrom("", "null", "[]", "[null]", "{}", "\0", "[{}]", '[{"Id":1}]', '{"__proto__":1}'),
);

const id = "9d7ee52b94cb92548f56bc4eafbef730bd82b02e1e1646a11bdfef07c38e322c";
const record = {
  container: "r1",
  engine: "podman",
  id,
  specDigest: "abc",
  virtualIps: ["10.77.0.100"],
  layer: "/layer",
  home: "/home",
};
const inspected = {
  Id: id,
  Config: { Labels: { "container-ha.container": "r1" } },
  State: { ExitCode: 0 },
  GraphDriver: { Data: { UpperDir: "/layer" } },
  StaticDir: "/home",
};

/** An object with one of its fields replaced by anything. */
const spoilt = <T extends object>(sound: T) =>
  fc
    .tuple(fc.constantFrom(...(Object.keys(sound) as (keyof T)[])), fc.jsonValue())
    .map(([field, value]) => ({ ...sound, [field]: value }));

describe("Whatever a program of the host says", () => {
  const homeOf = ({ StaticDir }: Inspected) => StaticDir ?? "";

  it("of one copy is no matter of another", () =>
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.jsonValue(), spoilt(inspected)), { maxLength: 4 }), (others) => {
        const json = JSON.stringify([...others, inspected]);
        const found = listed("podman", { ids: [id], json, homeOf });
        assert.ok(found.records.some((one) => one.id === id && one.container === "r1"));
        for (const { container, id, layer, home } of found.records) {
          assert.match(container, /^[a-z0-9-]+$/);
          assert.match(id, /^[0-9a-f]{64}$/);
          assert.ok(layer.startsWith("/") && home.startsWith("/"));
        }
      }),
    ));

  it("is read, or is an error that says so", () =>
    fc.assert(
      fc.property(text, (output) => {
        for (const read of [parseEvents, parseConnections, criuReason, loadedImage, initOf, parseListing])
          read(output);
        try {
          listed("docker", { ids: [], json: output, homeOf });
        } catch (error) {
          assert.ok(error instanceof Error && error.message.length > 0);
        }
      }),
    ));
});

describe("Whatever stands in a file of the host", () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("as the record of a copy is that record or none", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          spoilt(record).map((one) => JSON.stringify(one)),
        ),
        (content) => {
          const read = parseRecord("r1", content);
          if (read) assert.deepEqual([read.container, /^[0-9a-f]{64}$/.test(read.id)], ["r1", true]);
        },
      ),
    ));

  it("as the session is that session or none, and as events those that can be read", async () => {
    const [session, events] = [join(folder, "session.json"), join(folder, "events.jsonl")];
    const host = createHost({ session, lastSession: join(folder, "last-session") });
    const sound = { at: "2026-10-02T10:00:00Z", host: "a", kind: "serve", sentence: "It serves." };
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        writeFileSync(session, content);
        assert.equal(await host.readSession(), null);
        const line = content.replaceAll("\n", " ");
        writeFileSync(events, `${line}\n${JSON.stringify(sound)}\n`);
        assert.deepEqual(createEventFile(events).load(10).at(-1), sound);
      }),
    );
  });

  it("of one container's generations keeps nobody from those of another", async () => {
    const root = join(folder, "store");
    const disk = createDisk({ root });
    const sha256 = await sealed(disk, generation());
    const names = ["manifest.json", "epoch", "images", "x"];
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom(...names), async (content, name) => {
        for (const file of [
          join(root, "other", "1-1", name),
          join(root, "other", name),
          join(root, `${name}.d`),
        ]) {
          mkdirSync(dirname(file), { recursive: true });
          rmSync(file, { recursive: true, force: true });
          writeFileSync(file, content);
        }
        await disk.sweep();
        assert.deepEqual(
          (await disk.list()).map(({ container }) => container),
          ["redis"],
        );
        await disk.verify(generation(), sha256);
        await disk.raiseEpoch("other", 7).catch((error: Error) => assert.match(error.message, /epoch/));
      }),
      { numRuns: 50 },
    );
  });
});
