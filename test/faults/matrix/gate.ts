import { gateTable, paths } from "../../../provider/contract";
import { type Fault, inHost, type Scene } from "../scene";

const onPrimary = (command: string) => (scene: Scene) =>
  inHost(scene, scene.primary, `${command} 2>/dev/null; true`);
const deleteTable = `nft delete table netdev ${gateTable}`;

/** What an administrator may do to the gate without knowing what it is. */
export const gateFaults: Fault[] = [
  { name: "nft-flush", serves: "during", gate: "removed", inject: onPrimary("nft flush ruleset") },
  { name: "nft-delete-table", serves: "during", gate: "removed", inject: onPrimary(deleteTable) },
  {
    // Kernel and nft protect a table only while its owner lives.
    name: "nft-delete-table-without-owner",
    serves: "during",
    gate: "removed",
    inject: onPrimary(`kill -9 $(cat ${paths.run}/lease-nft.pid); ${deleteTable}`),
  },
];
