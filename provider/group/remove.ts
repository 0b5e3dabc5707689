import { REMOVE_GROUP_SCRIPT } from "../commands/group";
import { HostUnreachable, UserError } from "../errors";
import type { Fleet } from "../fleet";
import { onAll } from "../fleet";
import { DELETE_UNREACHABLE, mayGiveUp } from "../resources/unreachable";

/** Takes everything of the group off these hosts; hosts that do not answer are an error unless they may be left behind. */
export async function removeGroup(
  fleet: Fleet,
  o: { group: string; stack: string; deleteUnreachable: boolean; log(line: string): void },
): Promise<void> {
  const silent = new Map(fleet.unreachable);
  await onAll(fleet.hosts, async (host, name) => {
    try {
      await host.script(REMOVE_GROUP_SCRIPT, {
        args: [o.group, o.stack],
        label: `remove group ${o.group}`,
        timeoutMs: 300_000,
      });
    } catch (error) {
      // It died meanwhile.
      if (!(error instanceof HostUnreachable)) throw error;
      silent.set(name, error);
    }
  });
  if (silent.size === 0) return;
  const names = [...silent.keys()].join(", ");
  if (!mayGiveUp(o.deleteUnreachable)) {
    const causes = [...silent.values()].map((error) => error.message).join("\n");
    throw new UserError(
      `${causes}\nThe group was removed from the other hosts. Bring ${names} back and run this again, ` +
        `or set \`deleteUnreachable: true\` on the group (with an \`up\`), or ${DELETE_UNREACHABLE}=true in the environment, ` +
        "to leave it there as it is.",
    );
  }
  o.log(
    `warning: ${names} did not answer; what the group put there stays. Before such a host is used again, delete /etc/container-ha and /var/lib/container-ha on it`,
  );
}
