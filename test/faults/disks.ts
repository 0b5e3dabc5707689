import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../provider/contract";
import type { Lab } from "../lab/lab";
import { run } from "../lab/run";

/** Disks that can be filled: each a file of this machine that the host mounts at every boot, before its services. */
export const smallDisks = {
  store: { folder: paths.store },
  etcd: { folder: paths.etcdData },
} as const;
export type SmallDisk = keyof typeof smallDisks;
export type Megabytes = Record<SmallDisk, number>;

/** A folder of the host's that lies on a real file system and that the product does not use. */
const images = "/var/lib/etcd";
const LOOP_DEVICES = 64;

/** Gives a host its small disks; before the product is set up on it. */
export async function installDisks(lab: Lab, host: string, megabytes: Megabytes): Promise<void> {
  const onMachine = join(lab.folder, "hosts", host, "data/etcd");
  mkdirSync(onMachine, { recursive: true });
  for (const [name, size] of Object.entries(megabytes)) {
    const file = join(onMachine, `${name}.img`);
    await run(["truncate", "-s", `${size}M`, file]);
    await run(["mkfs.ext4", "-q", "-m", "0", file]);
  }
  await lab.exec(host, "cat >/usr/local/lib/mount-small-disks", { input: mountScript() });
  await lab.exec(host, "cat >/etc/systemd/system/small-disks.service", { input: unit });
  await lab.exec(host, "systemctl daemon-reload && systemctl enable -q --now small-disks.service");
}

/** All that is free in one step, then what is left of it; `rm` of this file ends it. */
export function fillCommand(disk: SmallDisk): string {
  const file = fillFile(disk);
  const free = `$(df --output=avail -k ${smallDisks[disk].folder} | tail -1)`;
  const rest = `dd if=/dev/zero of=${file} oflag=append conv=notrunc bs=64k status=none 2>/dev/null`;
  return `fallocate -l ${free}K ${file} 2>/dev/null; ${rest}; true`;
}

export function emptyCommand(disk: SmallDisk): string {
  return `rm -f ${fillFile(disk)}`;
}

function fillFile(disk: SmallDisk): string {
  return `${smallDisks[disk].folder}/.fill`;
}

/** A loop device takes itself away when nothing mounts it any more, as after a power cut. */
function mountScript(): string {
  const mounts = Object.entries(smallDisks).map(
    ([name, { folder }]) =>
      `mkdir -p ${folder} && mount -o loop ${images}/${name}.img ${folder} && chmod 700 ${folder} && rm -rf ${folder}/lost+found`,
  );
  return [
    "set -e",
    "[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237",
    `for n in $(seq 0 ${LOOP_DEVICES - 1}); do [ -e /dev/loop$n ] || mknod /dev/loop$n b 7 $n; done`,
    ...mounts,
    "",
  ].join("\n");
}

const unit = `[Unit]
Description=small disks that a test can fill
DefaultDependencies=no
After=systemd-tmpfiles-setup-dev.service
Before=local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /usr/local/lib/mount-small-disks

[Install]
WantedBy=local-fs.target
`;
