import {
  type Answer,
  type Change,
  firstJudgement,
  type Judgement,
  judge,
  keyOf,
  wrongBeginning,
} from "../faults/judge";
import { boundOf, type Happened, learn, type Span, type Subject, sharedMs } from "./bounds";
import { firstMemory, judgeMemory, type Loss, type MemoryJudgement } from "./memory";
import type { Count, TooLong } from "./report";
import type { Placed } from "./stage";
import { type Watch, watch } from "./watch";

/** A container, its clients, and what its answers, its records and its host have shown so far. */
export interface Watched {
  placed: Placed;
  watch: Watch;
  judgement: Judgement;
  memory: MemoryJudgement;
  subject: Subject;
  count: Count;
  /** Captured and not judged yet. */
  answers: Answer[];
  /** Seen and not judged yet. */
  losses: Loss[];
  /** The life that ran last. */
  ran: { epoch: number; host: string } | null;
  /** The generation that was committed last. */
  committed: string | null;
  /** What its status said, each with the time from which on. */
  said: { at: number; status: string }[];
  /** Since when it stands still although its status says RUNNING, and how. */
  standing: { since: number; how: string } | null;
  /** Times in which it stood still, that have ended. */
  standstills: (Span & { how: string })[];
}

/** RUNNING means executing within 2 s. */
const STANDSTILL_MS = 2_000;
const DEFAULT_MEMORY_MB = 64;
const SAID_LIMIT = 200;
/** The history may not be readable for as long as the store has no majority. */
const HISTORY_LATE_MS = 5 * 60_000;

export function watchContainer(placed: Placed): Watched {
  const { name, address, workload } = placed;
  return {
    placed,
    watch: watch(workload, workload.client(address)),
    judgement: firstJudgement(),
    memory: firstMemory(),
    subject: { name, memoryMb: workload.memory ?? DEFAULT_MEMORY_MB, owners: [], holders: [] },
    count: { container: name, acknowledged: 0, moves: 0, failovers: 0, generations: 0, longestDarkMs: 0 },
    answers: [],
    losses: [],
    ran: null,
    committed: null,
    said: [],
    standing: null,
    standstills: [],
  };
}

/** What a silence is judged by. */
export interface Known {
  happened: Happened[];
  /** In which something waited for a processor. */
  shortages: Span[];
}

/** What was found broken in one look. */
export interface Findings {
  overlaps: string[];
  lost: string[];
  dark: TooLong[];
  notExecuting: TooLong[];
}

export function noFindings(): Findings {
  return { overlaps: [], lost: [], dark: [], notExecuting: [] };
}

/**
 * Judges everything that was seen until `now`, with all that the records say of that time. `isLast`: what still lasts
 * is judged, too.
 */
export function judgeContainer(
  container: Watched,
  { changes, now, isLast, ...known }: { changes: Change[]; now: number; isLast: boolean } & Known,
): Findings {
  const { watch, judgement, subject, count } = container;
  const answers = container.answers;
  const losses = container.losses;
  [container.answers, container.losses] = [[], []];
  learn(subject, changes);
  const overlaps = judge(judgement, { answers, changes, mayStartCold: false });
  const { lives } = judgement;
  const lost = [
    ...newLives(container),
    ...judgeMemory(container.memory, {
      lives,
      changes,
      losses,
      acknowledgedAt: watch.acknowledgedAt,
    }),
  ];
  watch.forget(now - HISTORY_LATE_MS);
  count.acknowledged = watch.client.acknowledged();
  count.generations += newGenerations(container, changes);

  const silences = watch.silences();
  const silentSince = isLast ? watch.silentSince() : null;
  if (silentSince !== null) silences.push({ from: silentSince, to: now });
  for (const { from, to } of silences) count.longestDarkMs = Math.max(count.longestDarkMs, to - from);
  if (isLast) endStandstill(container, now);
  const standstills = container.standstills.splice(0);
  return {
    overlaps: overlaps.map(({ sentence }) => `${subject.name}: ${sentence}`),
    lost: lost.map((sentence) => `${subject.name}: ${sentence}`),
    dark: silences.flatMap((silence) => tooLong(container, silence, known, 0)),
    notExecuting: standstills.flatMap((one) => tooLong(container, one, known, STANDSTILL_MS)),
  };
}

/** Counts what ran since the last look, and says what is wrong with how it began. */
function newLives(container: Watched): string[] {
  const { judgement, count } = container;
  const found: string[] = [];
  for (const life of judgement.lives) {
    const { epoch, host, moved, runningSince } = life;
    if (runningSince === null || epoch <= (container.ran?.epoch ?? 0)) continue;
    if (container.ran && container.ran.host !== host) count[moved ? "moves" : "failovers"] += 1;
    container.ran = { epoch, host };
    const wrong = wrongBeginning(life);
    if (wrong) found.push(`${host} at epoch ${epoch}: ${wrong.sentence}`);
  }
  return found;
}

/** The record of a generation is written again with each new holder. */
function newGenerations(container: Watched, changes: Change[]): number {
  const names = changes.flatMap((change) =>
    change.type === "generation" && change.named ? keyOf(change.named) : [],
  );
  const fresh = new Set(names.filter((name) => name !== container.committed));
  container.committed = names.at(-1) ?? container.committed;
  return fresh.size;
}

function tooLong(container: Watched, span: Span, { happened, shortages }: Known, graceMs: number): TooLong[] {
  const { boundMs, reasons } = boundOf(span, container.subject, happened);
  const shortMs = shortages.reduce((sum, shortage) => sum + sharedMs(shortage, span), 0);
  const ms = Math.round(span.to - span.from);
  const allowed = Math.round(Math.max(boundMs, graceMs) + shortMs);
  if (ms <= allowed) return [];
  if (shortMs > 0) reasons.push(`processors were short (${Math.round(shortMs)} ms)`);
  const before = container.said.findLast(({ at }) => at <= span.from);
  const within = container.said.filter(({ at }) => at > span.from && at <= span.to);
  const status = [...(before ? [before] : []), ...within].map((one) => one.status);
  return [{ container: container.subject.name, from: span.from, ms, boundMs: allowed, reasons, status }];
}

/** Takes what the container's status says. */
export function hear({ said }: Watched, status: string, at: number): void {
  if (said.at(-1)?.status === status) return;
  said.push({ at, status });
  if (said.length > SAID_LIMIT) said.shift();
}

/** Takes whether it stands still, null: it executes, or need not. */
export function see(container: Watched, how: string | null, at: number): void {
  if (how === null) endStandstill(container, at);
  else container.standing ??= { since: at, how };
}

function endStandstill(container: Watched, at: number): void {
  const { standing, standstills } = container;
  if (standing) standstills.push({ from: standing.since, to: at, how: standing.how });
  container.standing = null;
}
