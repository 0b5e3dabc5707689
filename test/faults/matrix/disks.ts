import { emptyCommand, fillCommand, type SmallDisk, smallDisks } from "../disks";
import { type Fault, inHost, type Scene } from "../scene";

type Role = "primary" | "standby";

const full = (disk: SmallDisk, role: Role): Fault => ({
  name: `${disk}-full-${role}`,
  serves: "during",
  lastsMs: 7000,
  inject: (scene) => inHost(scene, scene[role], fillCommand(disk)),
  heal: (scene) => inHost(scene, scene[role], emptyCommand(disk)),
});

/** Not while somebody writes: so it is tried again. */
const remount = (role: Role, mode: "ro" | "rw") => (scene: Scene) => {
  const { folder } = smallDisks.store;
  const once = `mount -o remount,bind,${mode} ${folder}`;
  return inHost(
    scene,
    scene[role],
    `for n in $(seq 100); do ${once} 2>/dev/null && exit 0; sleep 0.05; done; exit 1`,
  );
};
const readOnly = (role: Role): Fault => ({
  name: `store-read-only-${role}`,
  serves: "during",
  lastsMs: 7000,
  inject: remount(role, "ro"),
  heal: remount(role, "rw"),
});

/** Disks of generations and of etcd that take no more. Each lasts until a checkpoint by schedule has failed. */
export const diskFaults: Fault[] = [
  full("store", "primary"),
  full("store", "standby"),
  readOnly("primary"),
  readOnly("standby"),
  full("etcd", "primary"),
  full("etcd", "standby"),
];
