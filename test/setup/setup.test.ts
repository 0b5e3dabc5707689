import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { checkout } from "../lab/paths";

interface Setup {
  withLock<T>(name: string, work: () => Promise<T>, options: { folder: string }): Promise<T>;
  sameTree(wanted: object, present: object): boolean;
  isRecent(output: string): boolean;
  downloadPulumi(options: { version: string; bin: string; from: string }): Promise<string | undefined>;
}

describe("set-up", () => {
  let setup: Setup;
  let folder: string;

  before(async () => {
    // The set-up is plain JavaScript, because it runs before there is a compiler.
    const modules = await Promise.all(["lock", "packages", "pulumi", "pulumi-download"].map(load));
    setup = Object.assign({}, ...modules) as Setup;
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "container-ha-setup-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  describe("its lock", () => {
    it("lets one in after the other", async () => {
      const order: string[] = [];
      const inside = Promise.withResolvers<void>();
      const stay = Promise.withResolvers<void>();
      const work = async () => {
        inside.resolve();
        await stay.promise;
        order.push("first");
      };
      const first = setup.withLock("x", work, { folder });
      await inside.promise;
      const second = setup.withLock("x", async () => order.push("second"), { folder });
      stay.resolve();
      await Promise.all([first, second]);
      assert.deepEqual(order, ["first", "second"]);
    });

    it("is free again when its holder was killed", async () => {
      const script = `import { withLock } from ${JSON.stringify(moduleUrl("lock"))};
        await withLock("x", () => (console.log("in"), new Promise(() => setInterval(() => {}, 1000))), { folder: ${JSON.stringify(folder)} });`;
      const holder = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(holder.stdout!, "data");
      holder.kill("SIGKILL");
      assert.equal(await setup.withLock("x", async () => "mine", { folder }), "mine");
    });

    it("is free again when the work has failed", async () => {
      await assert.rejects(
        setup.withLock("x", () => Promise.reject(new Error("no")), { folder }),
        /no/,
      );
      assert.equal(await setup.withLock("x", async () => "mine", { folder }), "mine");
    });
  });

  describe("its look at node_modules", () => {
    const lock = {
      packages: {
        "": {},
        "node_modules/a": { version: "1.0.0" },
        "node_modules/b": { version: "2.0.0", optional: true },
      },
    };

    it("is content when an optional package of another platform is missing", () => {
      assert.equal(setup.sameTree(lock, { packages: { "node_modules/a": { version: "1.0.0" } } }), true);
    });

    it("sees another version, a missing package and one too many", () => {
      assert.equal(setup.sameTree(lock, { packages: { "node_modules/a": { version: "1.0.1" } } }), false);
      assert.equal(setup.sameTree(lock, { packages: {} }), false);
      const surplus = { "node_modules/a": { version: "1.0.0" }, "node_modules/c": { version: "1.0.0" } };
      assert.equal(setup.sameTree(lock, { packages: surplus }), false);
    });
  });

  it("takes a Pulumi CLI from PATH only when it is recent enough", () => {
    assert.equal(setup.isRecent("v3.259.0\n"), true);
    assert.equal(setup.isRecent("v3.200.0\n"), true);
    assert.equal(setup.isRecent("v3.199.9\n"), false);
    assert.equal(setup.isRecent("v2.300.0\n"), false);
    assert.equal(setup.isRecent("not found"), false);
  });

  describe("its download of the Pulumi CLI", () => {
    it("unpacks the release of this platform", async () => {
      await serve(await archiveOf(folder), async (from, asked) => {
        const bin = join(folder, "new/bin");
        await makeFolder(bin);
        assert.equal(await setup.downloadPulumi({ version: "3.259.0", bin, from }), undefined);
        assert.ok(existsSync(join(bin, "pulumi")));
        assert.deepEqual(asked, [`/pulumi-v3.259.0-${process.platform}-${process.arch}.tar.gz`]);
      });
    });

    it("says why when there is nobody to ask", async () => {
      const bin = join(folder, "bin");
      await makeFolder(bin);
      const why = await setup.downloadPulumi({ version: "3.259.0", bin, from: "http://127.0.0.1:1" });
      assert.match(why ?? "", /ECONNREFUSED|bad port/);
    });
  });
});

function load(name: string): Promise<object> {
  return import(moduleUrl(name)) as Promise<object>;
}

function moduleUrl(name: string): string {
  return pathToFileURL(join(checkout, "test/setup", `${name}.mjs`)).href;
}

async function makeFolder(path: string): Promise<void> {
  await end(spawn("mkdir", ["-p", path]));
}

/** A release archive whose `pulumi` is a script. */
async function archiveOf(folder: string): Promise<Buffer> {
  const script =
    "mkdir pulumi && printf '#!/bin/sh\\necho v3.259.0\\n' >pulumi/pulumi && chmod 755 pulumi/pulumi && tar -cz pulumi";
  const child = spawn("sh", ["-c", script], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout!.on("data", (chunk: Buffer) => chunks.push(chunk));
  await end(child);
  return Buffer.concat(chunks);
}

async function end(child: ReturnType<typeof spawn>): Promise<void> {
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 0);
}

async function serve(body: Buffer, work: (url: string, asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    response.end(body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked);
  } finally {
    server.close();
  }
}
