import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DATA_SCRIPT, etcdctl, joinEnvironment, WIPE_SCRIPT } from "../commands/etcd";
import { bootstrapMarker, joinFile } from "../commands/etcd-files";
import { systemd } from "../commands/systemd";
import { type GroupHost, keysOf, type Ports, paths, units } from "../contract";
import { UserError } from "../errors";
import { onAll } from "../fleet";
import { httpsUrl } from "../group/address";
import { installFiles } from "../group/files";
import type { HostSession } from "../ssh/session";
import type { EtcdAdmin } from "./admin";
import { disagreement, parseDataStates } from "./agreement";
import { endpointsDuring, type Member, type MemberStep, nextMemberStep, parseMembers } from "./members";
import { planStart, type VoterView } from "./start";

export interface ClusterRequest {
  group: string;
  /** In a stable order. */
  voters: readonly GroupHost[];
  ports: Ports;
  /** Sessions of the voters that answer. */
  hosts: ReadonlyMap<string, HostSession>;
  views: ReadonlyMap<string, Pick<VoterView, "hasData" | "isBootstrapping">>;
  /** An earlier run finished a cluster. */
  finished: boolean;
  etcd: EtcdAdmin;
  log(line: string): void;
}

/** Gets a quorum: starts what has data, or makes the first cluster. Unit and certificates are in place already. */
export async function ensureQuorum(request: ClusterRequest): Promise<void> {
  const voters: VoterView[] = request.voters.map((voter) => ({
    name: voter.name,
    reachable: request.hosts.has(voter.name),
    hasData: request.views.get(voter.name)?.hasData ?? false,
    isBootstrapping: request.views.get(voter.name)?.isBootstrapping ?? false,
  }));
  const { finished } = request;
  let plan = planStart({ voters, finished, quorum: null });
  if (plan.do === "use") {
    const withData = new Map([...request.hosts].filter(([name]) => request.views.get(name)?.hasData));
    await onAll(withData, (host) => host.run(systemd.start(units.etcd, { wait: false })));
    const quorum = await request.etcd.hasQuorum(finished ? FOUND_TIMEOUT_MS : UNFINISHED_TIMEOUT_MS);
    plan = planStart({ voters, finished, quorum });
  }
  if (plan.do === "give-up") throw new UserError(plan.reason);
  if (plan.do === "bootstrap") await bootstrap(request);
  // safety: also what a killed run left: with it, a voter that loses its data would start as a new one.
  await onAll(request.hosts, (host) => host.run(["rm", "-f", "--", bootstrapMarker, joinFile]));
  request.etcd.ask(endpointsDuring({ do: "nothing" }, await listMembers(request.etcd)));
}

/** Changes the cluster's members to the wanted voters, one at a time. Needs a quorum. */
export async function ensureMembers(request: ClusterRequest): Promise<void> {
  // safety: looked at afresh, since a voter that seems to have lost its data is removed.
  const data = await onAll(request.hosts, hasData);
  let last = "";
  let deadline = 0;
  for (;;) {
    const members = await listMembers(request.etcd);
    const voters = request.voters.map((voter) => ({
      name: voter.name,
      peerUrl: httpsUrl(voter.address, request.ports.etcdPeer),
      hasData: data.get(voter.name) ?? null,
    }));
    const step = nextMemberStep(members, voters);
    request.etcd.ask(endpointsDuring(step, members));
    if (step.do === "nothing") return;
    const sentence = sentenceOf(step);
    if (sentence !== last) {
      request.log(sentence);
      deadline = Date.now() + STEP_TIMEOUT_MS;
    }
    last = sentence;
    if (step.do === "start") {
      await join(request, step.voter.name, members);
      data.set(step.voter.name, true);
      continue;
    }
    if (step.do === "add") await wipe(request.hosts.get(step.voter.name)!);
    if (step.do === "remove") await giveLeadershipAway(request.etcd, step.member, members);
    const leader = step.do === "promote" ? await checkedLeader(request.etcd, step.member, members) : [];
    // Refused, or without an answer: what is to be done next, the list tells.
    const refusal = await reconfigure(request.etcd, step, leader);
    if (refusal && Date.now() > deadline) throw new UserError(`${sentence}, but etcd refuses: ${refusal}`);
    if (refusal) await sleep(POLL_MS);
    await request.etcd.hasQuorum(FOUND_TIMEOUT_MS);
  }
}

function sentenceOf(step: Exclude<MemberStep, { do: "nothing" }>): string {
  switch (step.do) {
    case "add":
      return `${step.voter.name} joins etcd as a learner`;
    case "start":
      return `${step.voter.name} starts etcd`;
    case "promote":
      return `${step.voter.name} becomes a voter`;
    case "remove":
      return `etcd member ${step.member.name || step.member.id} leaves: ${step.why}`;
  }
}

export async function listMembers(etcd: EtcdAdmin): Promise<Member[]> {
  return parseMembers((await etcd.run(etcdctl.members())).stdout);
}

/** Ends etcd on a host and deletes its data. */
export async function wipe(host: HostSession): Promise<void> {
  await host.script(WIPE_SCRIPT, {
    args: [units.etcd, paths.etcdData, joinFile, bootstrapMarker],
    label: "clear etcd's data",
  });
}

/** Whether the voter on this host has data. */
export async function hasData(host: HostSession): Promise<boolean> {
  const { stdout } = await host.script(DATA_SCRIPT, {
    args: [paths.etcdData],
    label: "look for etcd's data",
  });
  return stdout.trim() === "yes";
}

const FOUND_TIMEOUT_MS = 60_000;
/** A cluster that was never finished may have been killed before it had a majority. */
const UNFINISHED_TIMEOUT_MS = 8_000;
const START_TIMEOUT_MS = 60_000;
const STEP_TIMEOUT_MS = 60_000;

async function bootstrap(request: ClusterRequest): Promise<void> {
  request.log(`starting etcd on ${request.voters.map((voter) => voter.name).join(", ")}`);
  const voters = new Map(request.voters.map((voter) => [voter.name, request.hosts.get(voter.name)!]));
  // safety: one that an earlier attempt left running would take the new ones for members that had started before, and
  // they would refuse to start. So all of them end first, and the ids of a cluster follow from its token.
  await onAll(voters, wipe);
  const token = `${request.group}-${randomUUID()}`;
  await onAll(voters, (host) => startJoining(host, { ...request, token, state: "new", marker: true }));
  if (!(await request.etcd.hasQuorum(START_TIMEOUT_MS)))
    throw await startFailure(request, [...voters.values()][0]!);
}

async function join(request: ClusterRequest, name: string, members: readonly Member[]): Promise<void> {
  const host = request.hosts.get(name)!;
  const listed = request.voters.filter((voter) =>
    members.some((member) => member.peerUrls.includes(httpsUrl(voter.address, request.ports.etcdPeer))),
  );
  const others = members
    .filter((member) => member.started && !listed.some((voter) => voter.name === member.name))
    .map((member) => ({
      name: member.name,
      address: new URL(member.peerUrls[0]!).hostname.replace(/^\[|\]$/g, ""),
    }));
  const { stdout } = await request.etcd.run(["get", keysOf(request.group).rebuilt, "--print-value-only"]);
  await startJoining(host, {
    ...request,
    token: request.group,
    voters: [...listed, ...others],
    state: "existing",
    marker: false,
    rebuilt: stdout.trim(),
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await listMembers(request.etcd)).some((member) => member.name === name && member.started)) {
    if (Date.now() > deadline) throw await startFailure(request, host);
    await sleep(POLL_MS);
  }
  await host.run(["rm", "-f", "--", joinFile]);
}

async function startJoining(
  host: HostSession,
  o: {
    token: string;
    ports: Ports;
    voters: readonly { name: string; address: string }[];
    state: "new" | "existing";
    marker: boolean;
    /** The record of that name in the cluster that is joined. */
    rebuilt?: string;
  },
): Promise<void> {
  const content = joinEnvironment(o);
  const marker = o.marker ? [{ path: bootstrapMarker, content: "", mode: 0o600 }] : [];
  // safety: before it has data, so that none is ever of this cluster without saying so.
  const rebuilt = o.rebuilt ? [{ path: paths.etcdRebuilt, content: o.rebuilt, mode: 0o600 }] : [];
  await installFiles(host, [...marker, ...rebuilt, { path: joinFile, content, mode: 0o600 }]);
  await host.run(systemd.resetFailed(units.etcd), { check: false });
  await host.run(systemd.restart(units.etcd, { wait: false }));
}

/** A leader that is removed costs an election, in which no host can renew; one that does not lead refuses, which is fine. */
async function giveLeadershipAway(
  etcd: EtcdAdmin,
  leaving: Member,
  members: readonly Member[],
): Promise<void> {
  const heir = members.find((member) => member.started && !member.learner && member.id !== leaving.id);
  if (!heir || leaving.clientUrls.length === 0) return;
  await etcd.run(etcdctl.moveLeader(heir.id), { endpoints: leaving.clientUrls, check: false });
}

/**
 * The leader's endpoint, where it is known, after a look at the data. safety: a learner whose data differ from the
 * voters' gets no vote. That it is only behind is etcd's own to judge.
 */
async function checkedLeader(
  etcd: EtcdAdmin,
  learner: Member,
  members: readonly Member[],
): Promise<string[]> {
  const endpoints = members.flatMap(({ started, clientUrls }) => (started ? clientUrls : []));
  // Who does not answer is left out, and makes the exit status that of a failure.
  const { stdout } = await etcd.run(etcdctl.status(), { endpoints, check: false });
  const states = stdout.trim() === "" ? [] : parseDataStates(stdout);
  const why = disagreement(states);
  if (why === null) return states.filter(({ leads }) => leads).map(({ endpoint }) => endpoint);
  await etcd.run(etcdctl.remove(learner.id), { check: false });
  throw new UserError(
    `${learner.name} does not become an etcd voter: what it got is not what the others have (${why}), so it was taken out again. ` +
      "Run this again; if it happens again, the voters' data are damaged.",
  );
}

/**
 * One change of the membership; resolves with the reason when it did not come about for something that passes by
 * itself: etcd refuses for some seconds after a member (re)connected, does not promote a learner before it has caught
 * up, and may lose its leader meanwhile, or the member that was asked. The leader itself is asked to promote: others hand
 * that on to it without the user's name, and it refuses them, in 5 s each (etcd 3.5 with authentication).
 */
async function reconfigure(
  etcd: EtcdAdmin,
  step: MemberStep,
  leader: readonly string[],
): Promise<string | undefined> {
  const asked = leader.length > 0 ? { endpoints: leader } : {};
  const { code, stderr } = await etcd.run(argsOf(step), { check: false, ...asked });
  if (code === 0) return undefined;
  const reason = stderr.trim().split("\n").at(-1) ?? "";
  if (TRANSIENT.test(stderr)) return reason;
  throw new UserError(`etcd refuses \`${argsOf(step).join(" ")}\`: ${reason}`);
}

const TRANSIENT =
  /in sync|not ready|unhealthy|timed out|deadline exceeded|leader|learner|not found|already|server stopped|unavailable/i;

function argsOf(step: MemberStep): string[] {
  switch (step.do) {
    case "add":
      return etcdctl.addLearner(step.voter);
    case "promote":
      return etcdctl.promote(step.member.id);
    case "remove":
      return etcdctl.remove(step.member.id);
    default:
      return [];
  }
}

const POLL_MS = 300;

async function startFailure(request: ClusterRequest, host: HostSession): Promise<UserError> {
  const { stdout } = await host.run(systemd.journal(units.etcd, 15), { check: false });
  return new UserError(
    `etcd of group ${request.group} did not get a quorum within ${START_TIMEOUT_MS / 1000} s. Its last words on ${host.name}:\n${stdout.trim()}`,
  );
}
