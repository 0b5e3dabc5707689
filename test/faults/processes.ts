import { paths, units } from "../../provider/contract";

const mainOf = (unit: string) => (name: string) => `systemctl kill -s ${name} --kill-whom=main ${unit}`;

/** Every process of ours on a host, and the command there that sends it a signal. */
export const signalCommands = {
  lease: mainOf(units.lease),
  agent: mainOf(units.agent),
  etcd: mainOf(units.etcd),
  nft: (name: string) => `kill -s ${name} $(cat ${paths.run}/lease-nft.pid)`,
};
export type Process = keyof typeof signalCommands;
