import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { pythonImage } from "../lab/image";
import { groupStatus, isProtected, untilContainer } from "../support/group";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";
import type { Stack } from "../support/pulumi";
import { redisStack } from "../support/redis-story";
import { refused, succeeded } from "../support/runs";

/** Programs in the place of redis-server, each with something open that CRIU does not dump. */
const undumpable = [
  {
    title: "a program with a large deleted file open",
    tag: "deleted-file",
    opens: `
file = os.open("/tmp/large", os.O_RDWR | os.O_CREAT)
for _ in range(80):
    os.write(file, bytes(1 << 20))
os.unlink("/tmp/large")`,
    reason: /It keeps a large deleted file open/,
  },
  {
    title: "a program with unread replies in a netlink socket",
    tag: "netlink",
    opens: `
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
netlink.send(bytes([17, 0, 0, 0, 18, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0]))`,
    reason: /It has unread data in a netlink socket/,
  },
];

/** It listens where Redis would, so that its probe succeeds. */
const programThat = (opens: string) => `#!/usr/bin/python3
import os, socket, sys, time
${opens}
listener = socket.create_server(("", 6379))
time.sleep(1e9)
`;

/** A dead host is not waited for as long as it would be by default. */
const DIAL_ERROR_LIMIT = 3;

/** What a user gets wrong, or finds dead, on the way from a first `up` to `destroy`. */
labSuite(
  "redis-ha with wrong settings, wrong images and a dead host",
  { hosts: 3, timeoutMs: 180_000 },
  (lab) => {
    let stack: Stack;
    const settings = { dialErrorLimit: DIAL_ERROR_LIMIT };
    const withSettings = async (
      options: Parameters<typeof redisStack>[1],
      run: (stack: Stack) => Promise<void>,
    ) => {
      const wrong = await redisStack(lab, { ...settings, ...options });
      try {
        await run(wrong);
      } finally {
        wrong.dispose();
      }
    };
    const withImage = (image: string) => stack.configure({ image }, {});
    /** What a container that was refused must not leave: neither on the hosts nor in the group's records. */
    const assertNoContainer = async () => {
      for (const { name } of lab.hosts) {
        assert.equal(await lab.exec(name, "podman ps -a --format '{{.Names}}'"), "", `containers on ${name}`);
        assert.equal(
          await lab.exec(name, "find /var/lib/container-ha/store -type f"),
          "",
          `generations on ${name}`,
        );
      }
      assert.deepEqual((await groupStatus(lab)).containers, []);
    };

    before("open a stack", async () => {
      if (lab.hosts) stack = await redisStack(lab, settings);
    });
    after("close the stack", () => stack?.dispose());

    it("a host that is dead at the first `up`: a bounded error names it and the attempts, and no host is touched", async () => {
      await lab.kill("ha3");
      const run = await stack.up();
      const { address } = lab.host("ha3");
      assert.match(
        refused(run),
        new RegExp(`cannot reach root@${address}: ${DIAL_ERROR_LIMIT} attempts in [\\d.]+ s, last cause: `),
      );
      assert.ok(run.seconds < 60, `it took ${run.seconds} s`);
      assert.deepEqual(await leftovers(lab), []);
      await lab.start("ha3");
    });

    it("a host that shows another key: refused at once, with both fingerprints", async () => {
      const [first, second, third] = lab.hosts;
      const hosts = [{ ...first!, hostKey: second!.hostKey }, second!, third!];
      await withSettings({ hosts }, async (wrong) => {
        const run = await wrong.up();
        assert.match(
          refused(run),
          /the host key of \S+ is not the expected one: expected SHA256:\S+, seen SHA256:\S+/,
        );
        assert.ok(run.seconds < 30, `it took ${run.seconds} s: was it tried again?`);
      });
      assert.deepEqual(await leftovers(lab), []);
    });

    it("a key that lets nobody in: the user and what was tried, and nothing of the key", async () => {
      const { privateKey } = generateKeyPairSync("rsa", {
        modulusLength: 2048,
        privateKeyEncoding: { type: "pkcs1", format: "pem" },
        publicKeyEncoding: { type: "pkcs1", format: "pem" },
      });
      await withSettings({ privateKey }, async (wrong) => {
        const output = refused(await wrong.up());
        assert.match(output, /does not let user "root" in \(tried: /);
        assert.ok(!output.includes(privateKey.split("\n")[1]!), "the private key is in the output");
      });
    });

    it("an image that no registry has: an error that names it, and nothing of a container is left", async () => {
      await withImage("registry.lab:5000/absent:1");
      assert.match(refused(await stack.up()), /registry\.lab:5000\/absent:1/);
      await assertNoContainer();
    });

    for (const { title, tag, opens, reason } of undumpable) {
      it(`${title}: refused with CRIU's reason and what it means, and nothing is left`, async () => {
        const files = { "/usr/bin/redis-server": { content: programThat(opens), mode: 0o755 } };
        const { image } = await lab.pushImage("undumpable", { ...pythonImage, files }, tag);
        await withImage(image);
        const output = refused(await stack.up());
        assert.match(output, /it cannot be checkpointed: [\s\S]*CRIU says: /);
        assert.match(output, reason);
        await assertNoContainer();
      });
    }

    it("a program that insists on io_uring, which CRIU cannot dump: the engine does not let it, and `up` says how it ended", async () => {
      const setUpRing = `
import ctypes
IO_URING_SETUP = 425
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(IO_URING_SETUP, 8, ctypes.create_string_buffer(120)) < 0:
    sys.exit("io_uring_setup: " + os.strerror(ctypes.get_errno()))`;
      const files = { "/usr/bin/redis-server": { content: programThat(setUpRing), mode: 0o755 } };
      const { image } = await lab.pushImage("undumpable", { ...pythonImage, files }, "io-uring");
      await withImage(image);
      assert.match(refused(await stack.up()), /redis[^\n]*exit code 1/);
      await assertNoContainer();
    });

    it("the right image converges from there", async () => {
      await withImage("registry.lab:5000/redis-lab");
      succeeded(await stack.up());
      await untilContainer(lab, "redis", { what: "protection", limitMs: 60_000, holds: isProtected });
    });

    it("`destroy` with a dead host: an error that says what to do, and the state is kept", async () => {
      const { primary } = (await groupStatus(lab)).containers[0]!;
      await lab.kill(primary!);
      await untilContainer(lab, "redis", {
        what: "a new primary",
        limitMs: 30_000,
        holds: ({ phase, primary: now }) => phase === "RUNNING" && now !== primary,
      });
      const output = refused(await stack.destroy());
      assert.match(output, /cannot reach root@/);
      assert.match(output, /deleteUnreachable/);
      assert.match(stack.stateText(), /container-ha:HaGroup/);
    });

    it("and with deleteUnreachable it succeeds, and the hosts that live are clean", async () => {
      succeeded(await stack.destroy({ env: { CONTAINER_HA_DELETE_UNREACHABLE: "true" } }));
      assert.doesNotMatch(stack.stateText(), /container-ha:HaGroup/);
      assert.deepEqual(await leftovers(lab), []);
    });
  },
);
