import type { Change } from "../faults/judge";
import type { Trouble } from "./plan";

/** A trouble as it was carried out, Unix ms; `to` of one that lasts is Infinity. */
export interface Happened {
  trouble: Trouble;
  from: number;
  to: number;
}

export interface Span {
  from: number;
  to: number;
}

/** What the records say of a container, as far as it matters for how long nobody may serve it. */
export interface Subject {
  name: string;
  memoryMb: number;
  /** Beginnings in the order of time; it is on that host until the next one. */
  owners: { at: number; host: string }[];
  /** Commits in the order of time; from then on these hosts could go on with it. */
  holders: { at: number; hosts: string[] }[];
}

export interface Bound {
  boundMs: number;
  /** What it follows from, as sentences; empty: nothing was done to it. */
  reasons: string[];
}

/** How long nobody may serve without a reason. */
export const CALM_MS = 1_000;

/**
 * What each trouble may add, ms. A host death: the default profile's fence, restore and a reconnect on processors that all
 * hosts share. A
 * killed process: its restart. A planned move: the dump, the transfer and the restore of the memory.
 */
const cost = {
  failover: ({ memoryMb }: Subject) => 5_500 + 4 * memoryMb,
  kill: () => 2_000,
  move: ({ memoryMb }: Subject) => 1_500 + 12 * memoryMb,
  stress: () => 1_500,
  up: () => 1_500,
};
/** One on each host. */
const VOTERS = 3;
/** From when a host is on, or its cable is in again, until its voter votes. */
const VOTES_AGAIN_MS = { boot: 4_000, isolation: 1_500, restart: 2_500, disk: 2_500 };
/** From when a host is on until it runs what nobody else could take. */
const RUNS_AGAIN_MS = 15_000;
/** Before the first sign of a silence: what was done then may be why. */
const LEAD_MS = 1_000;

/**
 * How long a container may be without service in `silence`, by what was done to it. What touches it by itself is
 * counted, and then everything else meanwhile: it may have met what was mending the first.
 */
export function boundOf(silence: Span, subject: Subject, happened: Happened[]): Bound {
  const known = happened
    .filter(({ from }) => from <= silence.to)
    .map((one) => ({ ...one, to: Math.min(one.to, silence.to) }));
  const during = known.filter((one) => overlaps(silence, windowOf(one, subject)));
  const here = hostsDuring(subject, silence);
  const outages = storeOutages(known).filter(({ from, to }) => overlaps(silence, { from, to: to + CALM_MS }));
  const touching = during.filter((one) => touches(one, subject, here));
  if (touching.length === 0 && outages.length === 0) return { boundMs: CALM_MS, reasons: [] };
  const parts = [
    ...outages.map(({ from, to }) => ({ what: "no majority in the store", ms: to - from })),
    ...during.map((one) => ({ what: one.trouble.kind, ms: costOf(one, subject) })),
  ].filter(({ ms }) => ms > 0);
  return {
    boundMs: Math.round(CALM_MS + parts.reduce((sum, { ms }) => sum + ms, 0)),
    reasons: parts.map(({ what, ms }) => `${what} (${Math.round(ms)} ms)`),
  };
}

/** When the trouble can be felt. */
function windowOf(one: Happened, subject: Subject): Span {
  const { trouble, from, to } = one;
  const isPoint = ["power-cut", "isolation", "kill"].includes(trouble.kind);
  return { from, to: isPoint ? from + costOf(one, subject) : to + CALM_MS };
}

function touches({ trouble }: Happened, { name }: Subject, here: string[]): boolean {
  switch (trouble.kind) {
    case "move":
      return trouble.container === name;
    case "power-cut":
    case "isolation":
    case "kill":
    case "drain":
      return here.includes(trouble.host);
    // All hosts share this machine's processors and its disk.
    case "stress":
    case "up":
      return true;
    default:
      return false;
  }
}

function costOf({ trouble, from, to }: Happened, subject: Subject): number {
  switch (trouble.kind) {
    case "power-cut":
    case "isolation":
      return survives(from, trouble.host, subject) ? cost.failover(subject) : to - from + RUNS_AGAIN_MS;
    case "kill":
      return cost.kill();
    case "move":
      return trouble.container === subject.name ? cost.move(subject) : 0;
    case "drain":
      return cost.move(subject);
    case "up":
      return cost.move(subject) + cost.up();
    case "stress":
      return cost.stress();
    default:
      return 0;
  }
}

/** Whether another host could go on with the container when this one went. */
function survives(at: number, host: string, { holders }: Subject): boolean {
  const held = holders.findLast((one) => one.at <= at)?.hosts ?? [];
  return held.some((holder) => holder !== host);
}

/** Where the container was, or began to be, in that time. */
function hostsDuring({ owners }: Subject, { from, to }: Span): string[] {
  const before = owners.findLast(({ at }) => at <= from - LEAD_MS);
  const within = owners.filter(({ at }) => at > from - LEAD_MS && at <= to);
  return [...new Set([...(before ? [before] : []), ...within].map(({ host }) => host))];
}

/** When fewer voters than a majority could decide anything, by what was done to each. */
export function storeOutages(happened: Happened[]): Span[] {
  const downs = happened.flatMap((one) => voterDowns(one));
  const edges = [...new Set(downs.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  const spans: Span[] = [];
  for (const [index, from] of edges.entries()) {
    const to = edges[index + 1];
    if (to === undefined) break;
    const down = new Set(downs.filter((one) => one.from <= from && one.to >= to).map(({ host }) => host));
    if (VOTERS - down.size > VOTERS / 2) continue;
    const last = spans.at(-1);
    if (last?.to === from) last.to = to;
    else spans.push({ from, to });
  }
  return spans;
}

function voterDowns({ trouble, from, to }: Happened): (Span & { host: string })[] {
  switch (trouble.kind) {
    case "store-hiccup":
      return trouble.hosts.map((host) => ({ host, from, to }));
    case "power-cut":
      return [{ host: trouble.host, from, to: to + VOTES_AGAIN_MS.boot }];
    case "isolation":
      return [{ host: trouble.host, from, to: to + VOTES_AGAIN_MS.isolation }];
    case "kill":
      return trouble.process === "etcd"
        ? [{ host: trouble.host, from, to: to + VOTES_AGAIN_MS.restart }]
        : [];
    case "disk-full":
      return trouble.disk === "etcd" ? [{ host: trouble.host, from, to: to + VOTES_AGAIN_MS.disk }] : [];
    default:
      return [];
  }
}

/** How long both last. */
export function sharedMs(a: Span, b: Span): number {
  return Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from));
}

function overlaps(a: Span, b: Span): boolean {
  return a.from <= b.to && b.from <= a.to;
}

/** Takes what the records say anew into the subject. */
export function learn(subject: Subject, changes: Change[]): void {
  for (const change of changes) {
    if (change.type === "owner") {
      const { host, since: at } = change;
      if (subject.owners.at(-1)?.host !== host) subject.owners.push({ at, host });
    } else if (change.type === "generation" && change.named) {
      const { at, holders: hosts } = change.named;
      subject.holders.push({ at, hosts });
    }
  }
}
