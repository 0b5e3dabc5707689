import type { EtcdAdmin } from "./admin";
import { type AuthView, authCommands, parseRole } from "./auth";

/** One user and one role per host, root, and authentication switched on. Changes nothing that is as it should be. */
export async function ensureAuth(
  etcd: EtcdAdmin,
  o: { group: string; hosts: readonly string[] },
): Promise<void> {
  const commands = authCommands({ ...o, found: await observeAuth(etcd) });
  // safety: a change raises etcd's auth revision, which refuses requests in flight; a live group must not see it for nothing.
  await etcd.batch([...commands, ["auth", "enable"]]);
}

async function observeAuth(etcd: EtcdAdmin): Promise<AuthView> {
  const names = async (kind: "user" | "role") => words((await etcd.run([kind, "list"])).stdout);
  const [users, roles] = await Promise.all([names("user"), names("role")]);
  const userTexts = await etcd.batch(users.map((user) => ["user", "get", user]));
  const roleTexts = await etcd.batch(roles.map((role) => ["role", "get", role, "-w", "json"]));
  const rolesOfUsers = userTexts.split("\n").filter((line) => line.startsWith("Roles:"));
  const permissions = roleTexts.split("\n").filter((line) => line.startsWith("{"));
  return {
    users: new Map(
      users.map((user, index) => [user, words((rolesOfUsers[index] ?? "").slice("Roles:".length))]),
    ),
    roles: new Map(roles.map((role, index) => [role, parseRole(permissions[index] ?? "{}")])),
  };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
