import { keysOf, timingOf } from "../../provider/contract";
import { GROUP, specOf } from "./group";
import type { SimHost } from "./host";
import { STORE } from "./links";
import type { World } from "./world";

/** What may happen in a simulated group, as a person writes it; random search and scenarios use the same words. */
interface Word {
  /** Capitals stand for values: HOST, CONTAINER, SHARE, TEXT, and MS, as in `300 ms` or `2 s`; [..] may be left out. */
  form: string;
  means: string;
  act(world: World, values: (string | undefined)[]): void;
}

const storeFaults = {
  "lost-replies": "lostReplies",
  "late-replies": "lateReplies",
  "stale-reads": "staleReads",
  "late-requests": "lateRequests",
} as const;

const words: Word[] = [
  {
    form: "power HOST on|off",
    means: "the host's power; what was not synced to its disk is lost",
    act: (world, [host, to]) => (to === "on" ? world.powerOn(host!) : world.powerOff(host!)),
  },
  {
    form: "network HOST off [from store|peers] [only in|out]",
    means:
      "nothing passes between the host and everybody, the store, or the other hosts; in one direction only",
    act: (world, [host, from, direction]) =>
      world.cut(host!, (from ?? "all") as "all", (direction ?? "both") as "both"),
  },
  {
    form: "network HOST on",
    means: "the host's links are whole again",
    act: (world, [host]) => world.heal(host),
  },
  {
    form: "network HOST slow MS [only in|out]",
    means: "what passes between the host and the store takes so much longer, until its links are whole again",
    act(world, [host, ms, direction]) {
      if (direction !== "in") world.links.slow(host!, STORE, msOf(ms!));
      if (direction !== "out") world.links.slow(STORE, host!, msOf(ms!));
    },
  },
  {
    form: "network delay MS",
    means: "some packets take up to so much longer",
    act: (world, [delay]) => {
      world.links.delayMs = msOf(delay!);
    },
  },
  {
    form: "network loss|duplicates SHARE",
    means: "this share of packets is lost, or of transactions arrives twice",
    act: (world, [what, share]) => {
      world.links[what as "loss"] = Number(share);
    },
  },
  {
    form: "store on|off",
    means: "whether a quorum of the store's voters answers",
    act: (world, [to]) => {
      world.links.storeUp = to === "on";
    },
  },
  {
    form: "store elects MS",
    means: "the store's leader is gone, and another one leads after this time",
    act: (world, [ms]) => {
      world.links.electionUntil = world.now() + msOf(ms!);
    },
  },
  {
    form: "store lost-replies|late-replies|stale-reads|late-requests SHARE",
    means:
      "this share of replies is lost, or comes too late; of reads is from the past; of requests without a way is applied all the same, later",
    act: (world, [what, share]) => {
      world.links[storeFaults[what as "lost-replies"]] = Number(share);
    },
  },
  {
    form: "kill HOST agent|lease [at TEXT] [for MS]",
    means: "the process dies, at once or when it next calls this method; it is started again after a while",
    act(world, [host, program, method, ms]) {
      const kill = () =>
        program === "agent"
          ? world.killAgent(host!, ms ? msOf(ms) : undefined)
          : world.killLease(host!, ms ? msOf(ms) : undefined);
      atPoint(world.host(host!), program as "agent", method, kill);
    },
  },
  {
    form: "pause HOST agent|lease [at TEXT] for MS",
    means: "the process stands still for so long, from now or from its next call of this method",
    act(world, [host, program, method, ms]) {
      const target = world.host(host!);
      const pause = () => {
        const process = target[program as "agent"]?.process;
        if (!process || process.paused) return;
        process.pause();
        world.later(msOf(ms!), () => process.resume());
      };
      atPoint(target, program as "agent", method, pause);
    },
  },
  {
    form: "crash CONTAINER",
    means: "its process ends where it runs",
    act(world, [container]) {
      for (const host of world.hosts) world.crashContainer(host.name, container);
    },
  },
  {
    form: "somebody freezes CONTAINER",
    means: "somebody else writes to its cgroup.freeze where it runs",
    act(world, [container]) {
      for (const { machine } of world.hosts) {
        const copy = machine?.engine.copies.get(container!);
        if (copy?.state === "running") machine!.engine.write(copy, true);
      }
    },
  },
  {
    form: "fault HOST start|restore|dump|probe|ask|image|announce CONTAINER: TEXT",
    means: "from now on this fails there, with this reason",
    act: (world, [host, what, container, text]) => {
      world.host(host!).faults[what as "start"].set(container!, text!);
    },
  },
  {
    form: "fault HOST crashes CONTAINER after MS",
    means: "from now on it ends there by itself this long after each beginning",
    act: (world, [host, container, ms]) => {
      world.host(host!).faults.crashAfter.set(container!, msOf(ms!));
    },
  },
  {
    form: "fault HOST loses SHARE releases of CONTAINER",
    means: "so many times it waits before its first instruction still, though it was let go there",
    act: (world, [host, times, container]) => {
      world.host(host!).faults.releasesLost.set(container!, Number(times));
    },
  },
  {
    form: "fault HOST slow release|dump|restore|prepare|remove|start|thaw|probe MS",
    means: "from now on each of these calls takes so much longer there",
    act: (world, [host, call, ms]) => {
      world.host(host!).faults.slow.set(call!, msOf(ms!));
    },
  },
  {
    form: "fault HOST none",
    means: "nothing fails there any more",
    act: (world, [host]) => {
      for (const faults of Object.values(world.host(host!).faults)) faults.clear();
    },
  },
  {
    form: "disk HOST full|free",
    means: "whether anything more can be written to it",
    act: (world, [host, to]) => {
      world.host(host!).disk.full = to === "full";
    },
  },
  {
    form: "disk HOST hangs|answers",
    means: "whether its calls ever return",
    act: (world, [host, to]) => {
      world.host(host!).disk.hangs = to === "hangs";
    },
  },
  {
    form: "disk HOST alters CONTAINER",
    means: "a byte of the container's committed generation changes there",
    act(world, [host, container]) {
      const named = world.view().containers.get(container!)?.generation?.value;
      if (named) world.host(host!).disk.alter({ container: container!, epoch: named.epoch, gen: named.gen });
    },
  },
  {
    form: "gate HOST flushed|broken|works",
    means: "somebody deletes the gate's table; no command has an effect on it any more; commands work again",
    act(world, [host, what]) {
      const kernel = world.host(host!).machine?.kernel;
      if (!kernel) return;
      if (what === "flushed") kernel.flush();
      else kernel.broken = what === "broken";
    },
  },
  {
    form: "clock HOST jumps MS",
    means: "somebody sets its wall clock forward by this, or backward",
    act: (world, [host, ms]) => {
      world.host(host!).skewMs += msOf(ms!);
    },
  },
  {
    form: "tombstone HOST [by operator|silence]",
    means:
      "a tombstone ends the host's session: by an operator's hand, or for its silence by a host of no list",
    act(world, [host, method]) {
      const sid = world.view().hosts.get(host!)?.session?.value.sid;
      if (!sid) return;
      const key = keysOf(GROUP).fence(host!, sid);
      const value = JSON.stringify({
        by: "operator",
        method: method === "silence" ? "timeout" : "operator",
        at: "",
      });
      world.records.apply({ compares: [{ key, modRevision: 0 }], writes: [{ put: key, value }] });
    },
  },
  {
    form: "fencing works|fails|missing|hangs|lies",
    means: "the group has a fencing command, which from now on does this",
    act(world, [behaviour]) {
      world.fencing.behaviour = behaviour as "works";
      world.setPolicy({ fencing: { command: ["fence_test", "{host}"], required: false } });
    },
  },
  {
    form: "fencing required|optional",
    means: "whether no other proof than that of the fencing command is accepted",
    act(world, [how]) {
      const { fencing } = world.policy;
      if (fencing) world.setPolicy({ fencing: { ...fencing, required: how === "required" } });
    },
  },
  {
    form: "fencing none",
    means: "the group has no fencing command",
    act: (world) => world.setPolicy({ fencing: undefined }),
  },
  {
    form: "timing fast|default|slow",
    means: "the group's timing changes; slow: leases of 3 s",
    act(world, [profile]) {
      const slow = { ...world.timing, leaseMs: 3000, fenceMs: 3800 };
      const timing = profile === "slow" ? slow : timingOf(profile as "fast", false);
      world.setPolicy({ timing });
    },
  },
  {
    form: "quorum-loss freeze|failsafe",
    means: "what becomes of the containers while the store has no quorum",
    act: (world, [onQuorumLoss]) => world.setPolicy({ onQuorumLoss: onQuorumLoss as "freeze" }),
  },
  {
    form: "policy automatic|manual|stonith-only",
    means: "who may take a container over when its host is silent",
    act: (world, [failover]) => world.setPolicy({ failover: failover as "automatic" }),
  },
  {
    form: "operator [on HOST]: TEXT",
    means: "a request to the agent of a host, or of the first one that answers, as JSON; its reply is told",
    act(world, [host, text]) {
      const agents = world.hosts.filter((one) => one.agent?.ready && (!host || one.name === host));
      const at = agents[0]?.name;
      if (!at) return world.tell(host ?? "-", "operator", "no agent answers");
      world.ask(at, JSON.parse(text!)).then((reply) => {
        world.tell(at, "reply", reply.ok ? `ok ${JSON.stringify(reply.result)}` : reply.message);
      });
    },
  },
  {
    form: "declare CONTAINER TEXT",
    means: "the container is declared with these fields, as JSON, through the first agent that answers",
    act(world, [name, text]) {
      const at = world.hosts.find((host) => host.agent?.ready)?.name;
      if (!at) return;
      const spec = specOf({ name: name!, ...JSON.parse(text!) });
      world.ask(at, { op: "apply", spec }).then((reply) => {
        if (!reply.ok) world.tell(at, "reply", reply.message);
      });
    },
  },
];

/** What happens by these words; throws where they are not in the vocabulary. */
export function happening(text: string): (world: World) => void {
  for (const { pattern, word } of patterns) {
    const values = pattern.exec(text)?.slice(1);
    if (!values) continue;
    return (world) => {
      world.tell("-", "EVENT", text);
      const named = values.map((value) => value && aliased(world, value));
      const hosts = named.includes("all") ? world.hosts.map(({ name }) => name) : ["all"];
      for (const host of hosts)
        word.act(
          world,
          named.map((value) => (value === "all" ? host : value)),
        );
    };
  }
  const forms = words.map(({ form, means }) => `  ${form}\n      ${means}`).join("\n");
  throw new Error(`"${text}" is no event of the simulator; expected one of\n${forms}`);
}

export function msOf(text: string): number {
  const [, amount, unit] = /^(-?[\d.]+) ?(ms|s)$/.exec(text)!;
  return Number(amount) * (unit === "s" ? 1000 : 1);
}

const values: Record<string, string> = {
  HOST: "([a-z][a-z0-9]*)",
  CONTAINER: "([a-z][a-z0-9-]*|\\*)",
  MS: "(-?[\\d.]+ ?m?s)",
  SHARE: "([\\d.]+)",
  TEXT: "(.+?)",
};

const patterns = words.map((word) => ({ word, pattern: patternOf(word.form) }));

function patternOf(form: string): RegExp {
  const choices = form.replace(/(?<= |^)([a-z-]+(?:\|[a-z-]+)+)(?=[ \]]|$)/g, "($1)");
  const optional = choices.replace(/ \[([^\]]*)\]/g, "(?: $1)?");
  return new RegExp(`^${optional.replace(/[A-Z]+/g, (name) => values[name]!)}$`);
}

/** `primary` and `standby` are hosts too: those of `db` at that moment. `all` is every host. */
function aliased(world: World, value: string): string {
  if (value !== "primary" && value !== "standby") return value;
  const { owner, standbys } = world.view().containers.get("db") ?? {};
  const host = value === "primary" ? owner?.value.host : standbys?.value.hosts[0];
  return host ?? world.hosts[0]!.name;
}

function atPoint(
  host: SimHost,
  program: "agent" | "lease",
  method: string | undefined,
  strike: () => void,
): void {
  if (method) host.failpoints[program].at(method, strike);
  else strike();
}
