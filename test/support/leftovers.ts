import type { Lab } from "../lab/lab";

/** What `destroy` must not leave on a host: each line a look that does not use the product, and prints what it finds. */
const looks = {
  unit: "ls /etc/systemd/system /lib/systemd/system /etc/systemd/system/*.wants 2>/dev/null | grep -e container-ha -e container.x2dha",
  file: "ls -d /etc/container-ha /usr/lib/container-ha /run/container-ha* /usr/bin/container-ha /etc/criu/runc.conf 2>/dev/null",
  // The lab mounts a disk there, as a careful operator does.
  state:
    "mountpoint -q /var/lib/container-ha || ls -d /var/lib/container-ha 2>/dev/null; find /var/lib/container-ha -mindepth 1 2>/dev/null | head",
  "podman container": "podman ps -a --format '{{.Names}}'",
  "podman network": "podman network ls --format '{{.Name}}' | grep -v '^podman$'",
  "podman image": "podman images --format '{{.Repository}}'",
  "docker container": "systemctl is-active -q docker && docker ps -a --format '{{.Names}}'",
  "docker network":
    "systemctl is-active -q docker && docker network ls --format '{{.Name}}' | grep -v -e '^bridge$' -e '^host$' -e '^none$'",
  "docker image": "systemctl is-active -q docker && docker images --format '{{.Repository}}'",
  "nft table": "nft list tables | grep -e ha_gate -e CRIU",
  interface: "ip -o link | grep -o -e ha-probe -e ha-local",
  rule: "ip rule | grep 7077",
  process: "pgrep -af 'container-ha|etcd' | grep -v pgrep",
};

/** Everything that is left of the product on the hosts that are on, as sentences; empty: nothing. */
export async function leftovers(lab: Lab): Promise<string[]> {
  const hosts = lab.hosts.filter((host) => lab.power(host.name) === "running");
  const found = await Promise.all(hosts.map(({ name }) => leftoversOn(lab, name)));
  return found.flat();
}

/** One look after the other: sshd takes ten commands at a time on one connection. */
async function leftoversOn(lab: Lab, host: string): Promise<string[]> {
  const lines: string[] = [];
  for (const [what, command] of Object.entries(looks)) {
    const { stdout } = await lab.tryExec(host, command);
    const seen = stdout.split("\n").filter((line) => line.trim() !== "");
    lines.push(...seen.map((line) => `${host}: ${what} ${line.trim()}`));
  }
  return lines;
}
