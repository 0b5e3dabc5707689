import { z } from "zod";
import { keysOf, parseJson } from "../contract";

/** A permission as etcd stores it. */
export interface Permission {
  prefix: string;
  type: "read" | "readwrite";
}

/** What a host may do (safety.md 3.4): read the whole group, write its own records and the shared ones. */
export function permissionsOf(group: string, host: string): Permission[] {
  const { prefix } = keysOf(group);
  const shared = ["fence/", "fence-intent/", "ct/", "rule/", "declared", "rebuilt"].map(
    (part) => `${prefix}${part}`,
  );
  return [
    { prefix, type: "read" },
    ...[`${prefix}host/${host}/`, ...shared].map((path) => ({ prefix: path, type: "readwrite" as const })),
  ];
}

/** Users and roles that are there. */
export interface AuthView {
  /** User name -> its roles. */
  users: ReadonlyMap<string, readonly string[]>;
  /** Role name -> its permissions. */
  roles: ReadonlyMap<string, readonly Permission[]>;
}

/** etcdctl commands that lead from what is there to one user and one role per host; none when all is as it should be. */
export function authCommands(o: { group: string; hosts: readonly string[]; found: AuthView }): string[][] {
  const { users, roles } = o.found;
  const root = [
    ...(roles.has("root") ? [] : [["role", "add", "root"]]),
    ...userCommands("root", "root", users),
  ];
  const perHost = o.hosts.flatMap((host) => hostCommands(o.group, host, o.found));
  const gone = [...roles.keys()].filter(
    (role) => role.startsWith(ROLE) && !o.hosts.includes(role.slice(ROLE.length)),
  );
  const removals = gone.flatMap((role) => {
    const host = role.slice(ROLE.length);
    return [...(users.has(host) ? [["user", "delete", host]] : []), ["role", "delete", role]];
  });
  return [...root, ...perHost, ...removals];
}

export function roleOf(host: string): string {
  return `${ROLE}${host}`;
}

const ROLE = "host-";

function hostCommands(group: string, host: string, found: AuthView): string[][] {
  const role = roleOf(host);
  const held = found.roles.get(role);
  const missing = permissionsOf(group, host).filter(
    (wanted) =>
      !held?.some((permission) => permission.prefix === wanted.prefix && permission.type === wanted.type),
  );
  return [
    ...(held ? [] : [["role", "add", role]]),
    ...missing.map(({ prefix, type }) => ["role", "grant-permission", "--prefix", role, type, prefix]),
    ...userCommands(host, role, found.users),
  ];
}

function userCommands(user: string, role: string, users: AuthView["users"]): string[][] {
  const roles = users.get(user);
  return [
    ...(roles ? [] : [["user", "add", user, "--no-password"]]),
    ...(roles?.includes(role) ? [] : [["user", "grant-role", user, role]]),
  ];
}

const roleSchema = z.object({
  perm: z.array(z.object({ permType: z.int().optional(), key: z.string().default("") })).default([]),
});

/** Reads `etcdctl role get NAME -w json`. */
export function parseRole(json: string): Permission[] {
  const { perm } = parseJson(roleSchema, json, "output of `etcdctl role get`");
  return perm.map(({ permType, key }) => ({
    prefix: Buffer.from(key, "base64").toString("utf8"),
    type: permType === READWRITE ? "readwrite" : "read",
  }));
}

/** READ is 0 and is left out of the JSON; WRITE alone is never granted. */
const READWRITE = 2;
