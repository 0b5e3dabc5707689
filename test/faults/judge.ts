/** One packet that a host sent from the address, as captured on its own cable. */
export interface Answer {
  /** Unix ms; one kernel, so the same clock on all hosts. */
  at: number;
  host: string;
  protocol: "udp" | "tcp" | "other";
  /** The application's state after this answer, and its chain one and `PAST` answers before; null: no whole answer. */
  state: { counter: number; before: string; chain: string; past: string } | null;
}

export interface GenerationName {
  epoch: number;
  gen: number;
}

/** What etcd's history says of one container, in the order of its revisions. */
export type Change =
  | {
      type: "owner";
      epoch: number;
      host: string;
      phase: string;
      gen: GenerationName | null;
      /** Unix ms, stamped before the record was sent. */
      since: number;
    }
  | { type: "generation"; named: (GenerationName & { at: number; holders: string[] }) | null }
  /** A handover to this host is recorded, or none any more. */
  | { type: "migration"; to: string | null };

/** Each of them is a promise broken. `lost`: memory older than what was acknowledged. */
export interface Finding {
  kind: "overlap" | "lost";
  sentence: string;
}

export interface Life {
  epoch: number;
  host: string;
  gen: GenerationName | null;
  /** The generation that was named when this life began. */
  named: GenerationName | null;
  /** Begun by a handover, from the memory that was frozen for it. */
  moved: boolean;
  runningSince: number | null;
}

/** What has to be remembered from one look to the next. */
export interface Judgement {
  lives: Life[];
  named: GenerationName | null;
  movesTo: string | null;
  /** Epoch of the life that answered last. */
  epoch: number | null;
  counter: number;
  /** Counter at the last commit, or at the beginning of the life: every later dump holds at least this. */
  mark: number;
  /** Least counter in each generation. */
  floors: Map<string, number>;
  /** Chain by counter, as answered by the line of lives that leads to the present one. */
  served: Map<number, string>;
}

/** So many answers back the application tells its chain (witness.py). */
const PAST = 1000;

/** More than is answered between two generations. */
const SERVED_LIMIT = 200_000;

export function firstJudgement(): Judgement {
  return {
    lives: [],
    named: null,
    movesTo: null,
    epoch: null,
    counter: 0,
    mark: 0,
    floors: new Map(),
    served: new Map(),
  };
}

/**
 * Judges what was answered against what was recorded, and updates `judgement`. `answers` are in the order of time and
 * were taken before the history was read. `mayStartCold`: a fault after which the memory is not trusted.
 */
export function judge(
  judgement: Judgement,
  { answers, changes, mayStartCold }: { answers: Answer[]; changes: Change[]; mayStartCold: boolean },
): Finding[] {
  const findings = new Map<string, Finding>();
  const report = (kind: Finding["kind"], subject: string, sentence: string) => {
    const key = `${kind} ${subject}`;
    if (!findings.has(key)) findings.set(key, { kind, sentence });
  };
  for (const change of changes) recordLife(judgement, change);
  const commits = changes.flatMap((change) =>
    change.type === "generation" && change.named ? [change.named] : [],
  );
  let next = 0;
  const commitUntil = (at: number) => {
    for (; next < commits.length && commits[next]!.at <= at; next += 1)
      recordCommit(judgement, commits[next]!);
  };
  for (const answer of answers) {
    commitUntil(answer.at);
    const life = judgement.lives.findLast(
      ({ runningSince }) => runningSince !== null && runningSince <= answer.at,
    );
    if (life?.host !== answer.host) {
      const owner = life ? `${life.host} was recorded as RUNNING at epoch ${life.epoch}` : "nobody was";
      report(
        "overlap",
        answer.host,
        `${answer.host} answered at ${clockTime(answer.at)} although ${owner} (${JSON.stringify(answer)})`,
      );
      continue;
    }
    if (answer.state === null) continue;
    takeState(judgement, { life, answer, state: answer.state, mayStartCold, report });
  }
  commitUntil(Number.POSITIVE_INFINITY);
  forgetOld(judgement);
  return [...findings.values()];
}

function recordLife(judgement: Judgement, change: Change): void {
  if (change.type === "generation") {
    judgement.named = change.named;
    return;
  }
  if (change.type === "migration") {
    judgement.movesTo = change.to;
    return;
  }
  const { epoch, host, gen, phase, since } = change;
  let life = judgement.lives.find((one) => one.epoch === epoch);
  if (!life) {
    // Who takes it from a source that died meanwhile begins from the committed generation.
    const isNamed = gen?.epoch === judgement.named?.epoch && gen?.gen === judgement.named?.gen;
    const moved = phase === "RESTORING" && judgement.movesTo === host && !isNamed;
    life = { epoch, host, gen, named: judgement.named, moved, runningSince: null };
    judgement.lives.push(life);
  }
  if (phase === "RUNNING") life.runningSince ??= since;
}

function recordCommit(judgement: Judgement, { epoch, gen }: GenerationName): void {
  const name = keyOf({ epoch, gen });
  // The record of a generation is written again with each new holder; its memory is of its first commit.
  if (judgement.floors.has(name)) return;
  const known = judgement.epoch === epoch;
  judgement.floors.set(name, known ? judgement.mark : 0);
  if (known) judgement.mark = judgement.counter;
}

function takeState(
  judgement: Judgement,
  o: {
    life: Life;
    answer: Answer;
    state: NonNullable<Answer["state"]>;
    mayStartCold: boolean;
    report: (kind: Finding["kind"], subject: string, sentence: string) => void;
  },
): void {
  const { life, answer, state, report } = o;
  const { served } = judgement;
  // TCP sends again what was not acknowledged.
  if (answer.protocol === "tcp" && served.get(state.counter) === state.chain) return;
  const place = `${life.host} at epoch ${life.epoch}, ${clockTime(answer.at)}`;
  const begins = life.epoch !== judgement.epoch;
  if (begins) {
    beginLife(judgement, o, place);
  } else if (answer.protocol === "udp" && state.counter <= judgement.counter) {
    report("lost", "back", `${place}: counter ${state.counter} after ${judgement.counter}`);
  }
  const before = served.get(state.counter - 1);
  if (before !== undefined && before !== state.before) {
    // Its first answers may have been lost on their way: then it went on unheard from where the served line branches.
    const isHeir = begins && served.get(state.counter - PAST) === state.past;
    const which = begins ? "its first answer" : "an answer";
    if (!isHeir)
      report(
        "lost",
        "chain",
        `${place}: ${which}, counter ${state.counter}, does not continue what was served`,
      );
  }
  served.set(state.counter, state.chain);
  judgement.counter = Math.max(judgement.counter, state.counter);
}

/**
 * The first answer of a life: what it began from must be the generation that was named then, or after a handover hold
 * everything that was answered.
 */
function beginLife(judgement: Judgement, o: Parameters<typeof takeState>[1], place: string): void {
  const { life, state, report } = o;
  const restored = state.counter - 1;
  const gen = life.gen && keyOf(life.gen);
  const floor = life.moved ? judgement.counter : gen === null ? 0 : (judgement.floors.get(gen) ?? 0);
  const wrong = wrongBeginning(life);
  if (wrong && !(wrong.subject === "cold" && o.mayStartCold))
    report("lost", wrong.subject, `${place}: ${wrong.sentence}`);
  if (restored < floor)
    report(
      "lost",
      "old",
      `${place}: began from counter ${restored}; ${life.moved ? "the source answered" : `generation ${gen} has`} at least ${floor}`,
    );
  const between = judgement.lives.some(
    ({ epoch }) => epoch > (judgement.epoch ?? life.epoch) && epoch < life.epoch,
  );
  if (between || gen === null) judgement.served.clear();
  for (const counter of judgement.served.keys()) if (counter > restored) judgement.served.delete(counter);
  judgement.epoch = life.epoch;
  judgement.counter = restored;
  judgement.mark = restored;
}

/** What is wrong with a life before its first answer: it is not of the generation that was named. */
export function wrongBeginning(life: Life): { subject: "cold" | "other"; sentence: string } | null {
  const named = life.named && keyOf(life.named);
  const gen = life.gen && keyOf(life.gen);
  if (gen === null)
    return named === null
      ? null
      : { subject: "cold", sentence: `began cold although generation ${named} was committed` };
  if (gen === named || life.moved) return null;
  const sentence = `began from generation ${gen}, but ${named ?? "none"} was the committed one`;
  return { subject: "other", sentence };
}

function forgetOld(judgement: Judgement): void {
  for (const counter of judgement.served.keys()) {
    if (judgement.served.size <= SERVED_LIMIT) break;
    judgement.served.delete(counter);
  }
  judgement.lives.splice(0, judgement.lives.length - 20);
}

export function keyOf({ epoch, gen }: GenerationName): string {
  return `${epoch}-${gen}`;
}

export function clockTime(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}
