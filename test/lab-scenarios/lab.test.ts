import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupRoot } from "../lab/cgroup";
import { openLab, removeLab } from "../lab/lab";
import { labNames } from "../lab/names";
import { bootOwnedLab, defaultLabId, endOwnedLab, removeAbandonedLabs, withLab } from "../lab/with-lab";
import { labSuite, whyNoHosts } from "../support/lab";
import { skipBecause } from "../support/skip";

labSuite("a lab of two hosts", { hosts: 2 }, (lab) => {
  const bootId = async (host: string) => (await lab.exec(host, "cat /proc/sys/kernel/random/boot_id")).trim();

  it("runs a real init on each host, with an identity of its own", async () => {
    for (const host of lab.hosts) {
      assert.equal((await lab.exec(host.name, "systemctl is-system-running")).trim(), "running");
      assert.equal((await lab.exec(host.name, "hostname")).trim(), host.name);
      assert.equal((await lab.exec(host.name, "cat /etc/machine-id")).trim(), host.machineId);
    }
    assert.notEqual(await bootId("ha1"), await bootId("ha2"));
  });

  it("lets the hosts reach each other by name", async () => {
    await lab.exec("ha1", "ping -c 1 -W 2 ha2");
  });

  it("runs neither an etcd nor a Redis that nobody asked for", async () => {
    const active = await lab.tryExec("ha1", "systemctl is-active etcd redis-server docker");
    assert.deepEqual(active.stdout.trim().split("\n"), ["inactive", "inactive", "inactive"]);
  });

  it("pulls an image with the same id on both hosts and with both engines", async () => {
    const { image, id } = await lab.pushImage("words", {
      programs: ["/bin/cat"],
      files: { "/word": { content: "yes" } },
    });
    for (const host of ["ha1", "ha2"]) {
      for (const engine of ["podman", "docker"]) {
        await lab.exec(host, `${engine} pull -q ${image}`);
        const seen = (
          await lab.exec(host, `${engine} inspect --type image --format '{{.Id}}' ${image}`)
        ).trim();
        assert.equal(seen.replace("sha256:", ""), id.replace("sha256:", ""), `${engine} on ${host}`);
      }
    }
    assert.equal(await lab.exec("ha1", `podman run --rm --network none ${image} cat /word`), "yes");
  });

  it("checkpoints and restores a container with its memory", async () => {
    await lab.exec(
      "ha1",
      "mkdir -p /etc/criu && printf 'manage-cgroups ignore\\nnetwork-lock nftables\\n' >/etc/criu/runc.conf",
    );
    await lab.exec(
      "ha1",
      `podman network create -d macvlan -o parent=eth0 --subnet ${lab.subnet}.0/24 outside`,
    );
    const image = "registry.lab:5000/redis-lab";
    await lab.exec("ha1", `podman run -d --name r --network outside:ip=${lab.subnet}.100 ${image}`);
    await lab.exec("ha1", "until podman exec r redis-cli set key kept; do :; done", { timeoutMs: 10_000 });
    await lab.exec("ha1", "podman container checkpoint r && podman container restore r");
    assert.equal((await lab.exec("ha1", "podman exec r redis-cli get key")).trim(), "kept");
    await lab.exec("ha1", "podman rm -f r && podman network rm outside");
  });

  it("loses what a host sends when it is cut off one way, and nothing after healing", async () => {
    const heard = () =>
      lab.inside("ha2", "arping -q -f -c 1 -w 1 -I eth0 $(getent hosts ha1 | cut -d' ' -f1)");
    assert.equal((await heard()).code, 0);
    await lab.isolate("ha1", { from: "ha2", direction: "out" });
    assert.equal((await heard()).code, 1);
    await lab.exec("ha1", "true");
    await lab.heal();
    assert.equal((await heard()).code, 0);
  });

  it("is entered without the network while a host is cut off from everybody", async () => {
    await lab.isolate("ha2");
    assert.equal((await lab.inside("ha2", "hostname")).stdout.trim(), "ha2");
    lab.close();
    await assert.rejects(lab.exec("ha2", "true"), /ssh root@.*ha2/);
    await lab.heal();
    await lab.exec("ha2", "true");
  });

  it("stands still while it is paused, and goes on where it was", async () => {
    const before = await bootId("ha1");
    await lab.pause("ha1");
    assert.equal(lab.power("ha1"), "paused");
    await lab.resume("ha1");
    assert.equal(await bootId("ha1"), before);
  });

  it("keeps the disk but not /run over a power cut, and boots with a new boot id", async () => {
    const before = await bootId("ha1");
    await lab.exec("ha1", "echo kept >/var/lib/container-ha/file; echo lost >/run/file; sync");
    await lab.kill("ha1");
    assert.equal(lab.power("ha1"), "off");
    await assert.rejects(lab.exec("ha1", "true"), /ha1/);
    await lab.exec("ha2", "! ping -c 1 -W 1 ha1");
    await lab.start("ha1");
    assert.notEqual(await bootId("ha1"), before);
    assert.equal(
      (await lab.exec("ha1", "cat /var/lib/container-ha/file; ls /run/file || true")).trim(),
      "kept",
    );
  });

  it("has the journal of a host that is off", async () => {
    await lab.exec("ha2", "echo a sentence to find | systemd-cat -t lab-test; journalctl --sync");
    await lab.kill("ha2");
    assert.match(await lab.logs("ha2"), /a sentence to find/);
    await lab.start("ha2");
  });

  it("is not taken over by another process while this one uses it", async () => {
    await assert.rejects(bootOwnedLab({ id: lab.id, hosts: 1 }), /is up, used by process/);
  });
});

describe("the end of a lab", function () {
  this.timeout(60_000);
  const id = `${defaultLabId()}-end`;

  before(function () {
    const reason = whyNoHosts();
    if (reason !== undefined) skipBecause(this, reason);
  });
  afterEach(() => removeLab(id));

  it("leaves nothing on the machine", async () => {
    const lab = await bootOwnedLab({ id, hosts: 1 });
    assert.notDeepEqual(leftovers(id), []);
    await endOwnedLab(lab);
    assert.deepEqual(leftovers(id), []);
    assert.equal(existsSync(lab.folder), false);
  });

  it("comes when the work fails", async () => {
    await assert.rejects(
      withLab({ id, hosts: 1 }, () => Promise.reject(new Error("the work failed"))),
      /the work failed/,
    );
    assert.deepEqual(leftovers(id), []);
  });

  it("comes with Ctrl-C", async () => {
    const program = await programWithLab(forEver);
    program.kill("SIGINT");
    assert.deepEqual(await once(program, "close"), [130, null]);
    assert.deepEqual(leftovers(id), []);
  });

  it("is made up for after a process that was killed", async () => {
    const program = await programWithLab(forEver);
    program.kill("SIGKILL");
    await once(program, "close");
    assert.notDeepEqual(leftovers(id), []);
    assert.deepEqual(await removeAbandonedLabs(), [id]);
    assert.deepEqual(leftovers(id), []);
    assert.equal(openLab(id), undefined);
  });

  it("does not come where the hosts are to be kept: they outlive the process that booted them", async () => {
    const program = await programWithLab("(lab) => { library.keepLab(lab); process.exit(0); }");
    assert.deepEqual(await once(program, "close"), [0, null]);
    assert.deepEqual(await removeAbandonedLabs(), []);
    const lab = openLab(id)!;
    assert.match(await lab.exec("ha1", "hostname"), /^ha1$/m);
    lab.close();
  });

  const forEver = "() => setInterval(() => {}, 1000)";

  /** A program of its own that has booted a lab, says so and then does that with it. */
  async function programWithLab(then: string) {
    const path = JSON.stringify(join(__dirname, "../lab/with-lab.js"));
    const script = `const library = require(${path});
      library.bootOwnedLab({ id: ${JSON.stringify(id)}, hosts: 1 }).then((lab) => {
        console.log("up");
        (${then})(lab);
      })`;
    const program = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [output] = await Promise.race([once(program.stdout!, "data"), once(program, "close")]);
    assert.equal(String(output), "up\n");
    return program;
  }
});

/** Everything on this machine that carries the lab's key. */
function leftovers(id: string): string[] {
  const { key, machineLink, cgroup } = labNames(id);
  const netns = existsSync("/run/netns")
    ? readdirSync("/run/netns").filter((name) => name.includes(`-${key}-`))
    : [];
  const links = readdirSync("/sys/class/net").filter((name) => name === machineLink);
  const cgroups = readdirSync(cgroupRoot()).filter((name) => name === cgroup);
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(`/labs/${id}/`));
  return [...netns, ...links, ...cgroups, ...mounts];
}
