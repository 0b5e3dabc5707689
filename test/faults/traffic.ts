import type { Lab } from "../lab/lab";
import { labNames } from "../lab/names";
import { run } from "../lab/run";

/**
 * Drops at the lab's switch what matches one of these nft rules, for cuts finer than a cable. Ports of the switch have
 * the hosts' names; the machine's is `machine`. None: everything passes.
 */
export async function dropTraffic(lab: Lab, matches: string[]): Promise<void> {
  const rules = matches.map((match) => `    ${match} drop\n`).join("");
  const table = `table bridge faults {\n  chain forward {\n    type filter hook forward priority 1;\n${rules}  }\n}\n`;
  await run(["ip", "netns", "exec", labNames(lab.id).switchNetns, "nft", "-f", "-"], {
    input: `table bridge faults\ndelete table bridge faults\n${table}`,
  });
}

/** Rules that match what goes between a host and all others to or from the ports, whichever end has them. */
export function cutPorts(host: string, ports: number[]): string[] {
  const set = `{ ${ports.join(", ")} }`;
  return ["iifname", "oifname"].flatMap((side) =>
    ["tcp", "udp"].flatMap((protocol) =>
      ["dport", "sport"].map((end) => `${side} "${host}" ${protocol} ${end} ${set}`),
    ),
  );
}
