/** The etcd key layout of safety.md 1.1, as functions. Everything of a group lies below `/ha/<group>/`. */
export interface Keys {
  prefix: string;
  policy: string;
  /** In an etcd that several groups may use: the stack that has the group's name. */
  claim: string;
  /** Which cluster this is; absent: the first one. */
  rebuilt: string;
  /** Range prefixes. */
  hosts: string;
  fences: string;
  containers: string;
  rules: string;
  /** Rewritten with each declaration of a container or rule, so that two of them cannot miss each other. */
  declared: string;
  session(host: string): string;
  heartbeat(host: string): string;
  info(host: string): string;
  fence(host: string, sid: string): string;
  fenceIntent(host: string, sid: string): string;
  owner(container: string): string;
  generation(container: string): string;
  standbys(container: string): string;
  migration(container: string): string;
  failsafe(container: string): string;
  spec(container: string): string;
  schedule(container: string): string;
  rule(name: string): string;
}

export function keysOf(group: string): Keys {
  const prefix = `/ha/${group}/`;
  const ct = (container: string, leaf: string) => `${prefix}ct/${container}/${leaf}`;
  return {
    prefix,
    policy: `${prefix}policy`,
    claim: `${prefix}claim`,
    rebuilt: `${prefix}rebuilt`,
    hosts: `${prefix}host/`,
    fences: `${prefix}fence/`,
    containers: `${prefix}ct/`,
    rules: `${prefix}rule/`,
    declared: `${prefix}declared`,
    session: (host) => `${prefix}host/${host}/session`,
    heartbeat: (host) => `${prefix}host/${host}/hb`,
    info: (host) => `${prefix}host/${host}/info`,
    fence: (host, sid) => `${prefix}fence/${host}/${sid}`,
    fenceIntent: (host, sid) => `${prefix}fence-intent/${host}/${sid}`,
    owner: (container) => ct(container, "owner"),
    generation: (container) => ct(container, "gen"),
    standbys: (container) => ct(container, "standbys"),
    migration: (container) => ct(container, "mig"),
    failsafe: (container) => ct(container, "failsafe"),
    spec: (container) => ct(container, "spec"),
    schedule: (container) => ct(container, "schedule"),
    rule: (name) => `${prefix}rule/${name}`,
  };
}
