import { ago } from "../words";
import { backupOf } from "./alone";
import type { ContainerPlan, Plan } from "./plan";

/** What `recover` assumes and what it will do, for the person who decides. */
export function planText(plan: Plan): string {
  return [
    `Group ${plan.group} has no majority: ${counted(plan)}.`,
    ...assumptions(plan),
    `${plan.host} becomes the group's only voter, with what its etcd knows (up to revision ${plan.revision}); what only others know is lost.`,
    ...fences(plan),
    ...plan.containers.map(containerText),
    `Afterwards "pulumi up --refresh" makes ${names(gone(plan))} voters again, on new machines or the old ones.`,
  ].join("\n");
}

/** What was done, and what is left to do. */
export function doneText(plan: Plan): string {
  return [
    `${plan.host} is the only voter of group ${plan.group} now. etcd's data as they were before are in ${backupOf(plan.number)}.`,
    ...fences(plan),
    `See "container-ha status" for the containers. "pulumi up --refresh" makes ${names(gone(plan))} voters again; until then a failure of ${plan.host} ends everything.`,
  ].join("\n");
}

function counted({ host, voters, minority }: Plan): string {
  const running = [host, ...minority];
  return `of its ${voters} voters ${running.length === 1 ? `only ${host} runs` : `only ${names(running)} run`}`;
}

function assumptions({ host, lost, minority }: Plan): string[] {
  const on = lost.filter((voter) => voter.on).map(({ name }) => name);
  return [
    `This assumes that the etcd data of ${names(lost.map(({ name }) => name))} are gone for good, and that these hosts are OFF, or will reach ${host} when they start: only then they learn that their data are of the past. ` +
      `Where they run cut off from ${host}, two hosts answer for the same containers.`,
    ...(on.length > 0 ? [`${names(on)} ${on.length > 1 ? "answer" : "answers"}, but without etcd.`] : []),
    ...(minority.length > 0
      ? [`etcd also runs on ${names(minority)}; it ends there, and its data are not used.`]
      : []),
  ];
}

function fences({ fences: ended }: Plan): string[] {
  return ended.map(({ host, confirmedOff, waitMs }) =>
    confirmedOff
      ? `The session of ${host} ends; its containers are taken at once, because you say that it is off.`
      : `The session of ${host} ends; its containers are taken after ${waitMs} ms, as it may be alive.`,
  );
}

function containerText({ name, will, generation, generationAgeMs, holders }: ContainerPlan): string {
  const age = generationAgeMs === null ? "" : ` (${ago(generationAgeMs)})`;
  switch (will) {
    case "stays":
      return `${name} is frozen here and goes on as it is.`;
    case "restored":
      return `${name} goes on from its generation ${generation}${age}, which is here; what it did since is lost.`;
    case "cold":
      return `${name} begins cold, as it has no generation: what was in its memory is lost.`;
    case "waits":
      return `${name} waits: its generation ${generation}${age} is not here, only on ${names(holders) || "no other host"}.`;
  }
}

function gone({ lost, minority }: Plan): string[] {
  return [...lost.map(({ name }) => name), ...minority];
}

function names(list: string[]): string {
  return list.length > 1 ? `${list.slice(0, -1).join(", ")} and ${list.at(-1)}` : (list[0] ?? "");
}
