import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generateKeyPair } from "./key-pair";

/** Folders of a host that lie on the machine's own file system instead of the host's overlay. */
const dataFolders = ["containers", "docker", "containerd", "container-ha", "etcd"];

export interface HostDisk {
  machineId: string;
  /** The host's public ssh key, as one line of OpenSSH format. */
  hostKey: string;
}

/** Another member of the lab's network, by name, as /etc/hosts has it. */
export interface Neighbour {
  name: string;
  address: string;
}

/** Makes the disk of a new host: the upper layer over the shared root file system, with what is the host's own. */
export function createHostDisk(options: {
  folder: string;
  name: string;
  /** Public key that root and `ops` accept. */
  authorizedKey: string;
  neighbours: Neighbour[];
}): HostDisk {
  for (const part of ["up", "work", "root", ...dataFolders.map((name) => `data/${name}`)]) {
    mkdirSync(join(options.folder, part), { recursive: true, mode: 0o755 });
  }
  const machineId = randomBytes(16).toString("hex");
  const key = generateKeyPair({ comment: `root@${options.name}` });
  const upper = join(options.folder, "up");
  const put = (path: string, content: string, mode = 0o644) => putFile(join(upper, path), content, mode);

  put("etc/machine-id", `${machineId}\n`, 0o444);
  put("etc/hostname", `${options.name}\n`);
  put("etc/hosts", hostsFile(options.neighbours));
  put("etc/ssh/ssh_host_ed25519_key", key.private, 0o600);
  put("etc/ssh/ssh_host_ed25519_key.pub", `${key.public}\n`);
  put("etc/ssh/authorized_keys/root", `${options.authorizedKey}\n`);
  put("etc/ssh/authorized_keys/ops", `${options.authorizedKey}\n`);
  put(
    "etc/ssh/sshd_config.d/keys.conf",
    "AuthorizedKeysFile /etc/ssh/authorized_keys/%u .ssh/authorized_keys\n",
  );
  return { machineId, hostKey: key.public };
}

/** Writes /etc/hosts of a host that is off. */
export function writeHostsFile(folder: string, neighbours: Neighbour[]): void {
  putFile(join(folder, "up/etc/hosts"), hostsFile(neighbours), 0o644);
}

/** Text of /etc/hosts. */
export function hostsFile(neighbours: Neighbour[]): string {
  return ["127.0.0.1 localhost", ...neighbours.map(({ name, address }) => `${address} ${name}`), ""].join(
    "\n",
  );
}

function putFile(path: string, content: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, content, { mode });
  chmodSync(path, mode);
}
