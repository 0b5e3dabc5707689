import { join } from "node:path";
import type { HostCare } from "../../env";
import { cgroupOf } from "./cgroup";
import { hostQuestions, ip, showHost } from "./commands/ip";
import { ipBatch } from "./commands/netns";
import type { RuntimeContext } from "./context";
import { currentMac, isLiving, pidOf, stateOf } from "./copies";
import { keepEngineNetworks } from "./engine-networks";
import { run } from "./exec";
import { type CopySeen, type HostSeen, type Lack, lacksOf, parseHostAnswers } from "./host-seen";
import { unroute } from "./lifecycle";
import { settingFiles } from "./network";
import { type CopyRecord, containersOfThisBoot, readRecord } from "./record";
import { readIfThere } from "./read-if-there";
import { lines, wireAlone } from "./wiring";

export interface HostKeeper {
  /** Looks, and makes again what is missing. */
  keep(): Promise<HostCare>;
  /** What was not as it should be on the way to this container at some time since then; null: nothing was. */
  brokenSince(container: string, since: number): Promise<string | null>;
}

export function createHostKeeper(context: RuntimeContext, makeNetwork: () => Promise<void>): HostKeeper {
  /** When somebody's change was last found, and of what. */
  const found = new Map<string | null, { at: number; what: string }>();
  const engineNetworks = keepEngineNetworks(context);

  async function look(): Promise<Lack[]> {
    const lacks = lacksOf(context.network(), await see(context));
    for (const { container, what } of lacks) found.set(container, { at: performance.now(), what });
    return lacks;
  }

  async function mend(lacks: Lack[]): Promise<void> {
    const hostLacks = lacks.some(({ container }) => container === null);
    if (hostLacks) await makeNetwork();
    const concerned = new Set(lacks.map(({ container }) => container));
    for (const record of wiredRecords(context)) {
      if (hostLacks || concerned.has(record.container)) await rewire(context, record);
    }
  }

  /** What is missing at two looks: what is being made or taken down now is not as it will be. */
  async function confirmed(): Promise<Lack[]> {
    const first = await look();
    if (first.length === 0) return first;
    for (const { container } of first) if (container) await context.wirings(container, async () => {});
    return (await look()).filter(({ what }) => first.some((lack) => lack.what === what));
  }

  async function keepOwn(): Promise<HostCare> {
    const lacks = await confirmed();
    const mendable = lacks.filter((lack) => lack.mendable);
    const failed = mendable.length > 0 ? await mend(mendable).then(reasonOf, reasonOf) : "";
    const left = mendable.length > 0 ? await look() : lacks;
    const mended = mendable.filter(({ what }) => !left.some((lack) => lack.what === what));
    return {
      mended: mended.length > 0 ? [`somebody took away or changed ${listOf(mended)}: made again`] : [],
      broken: left.length > 0 ? [`${listOf(left)} is missing${failed ? `: ${failed}` : ""}`] : [],
    };
  }

  return {
    async keep() {
      const [own, networks] = await Promise.all([keepOwn(), engineNetworks()]);
      return { mended: [...own.mended, ...networks.mended], broken: [...own.broken, ...networks.broken] };
    },
    async brokenSince(container, since) {
      await look();
      const { what } = [found.get(null), found.get(container)].find((one) => one && one.at >= since) ?? {};
      return what ? `${what} was missing on this host` : null;
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : "";
}

function listOf(lacks: Lack[]): string {
  return lacks.map(({ what }) => what).join(", ");
}

async function see(context: RuntimeContext): Promise<HostSeen> {
  const answers = await run(showHost, { input: lines(hostQuestions) });
  return {
    ip: parseHostAnswers(answers),
    settings: settingFiles().flatMap(({ file, value }) => {
      const now = readIfThere(file)?.trim();
      return now === undefined || now === value ? [] : [file];
    }),
    copies: wiredRecords(context).map((record) => copySeen(context, record)),
  };
}

/** Copies whose network was made: what has begun and has not ended. */
function wiredRecords(context: RuntimeContext): CopyRecord[] {
  return containersOfThisBoot().flatMap((container) => {
    const record = readRecord(container);
    const isWired = record && currentMac(container) !== null && isLiving(stateOf(context, record));
    return isWired ? [record] : [];
  });
}

function copySeen(context: RuntimeContext, { container, engine, id, virtualIps }: CopyRecord): CopySeen {
  const cgroup = cgroupOf(engine, id);
  // Any of its processes shows its network: runc's own account of the first one is long to read.
  const pid = cgroup && readIfThere(join(cgroup, "cgroup.procs"))?.split("\n")[0];
  const arp = pid && readIfThere(`/proc/${pid}/net/arp`);
  const routes = pid && readIfThere(`/proc/${pid}/net/route`);
  return {
    container,
    virtualIps,
    mac: currentMac(container) ?? "",
    announced: context.announced.has(container),
    inside:
      arp && routes
        ? { arp, routes, mac: readIfThere(`/proc/${pid}/root/sys/class/net/eth0/address`)?.trim() ?? null }
        : null,
  };
}

/** Gives a copy its MAC and neighbours, and the host's clients their way, as they were made last. */
async function rewire(context: RuntimeContext, record: CopyRecord): Promise<void> {
  const { container, virtualIps } = record;
  await context.wirings(container, async () => {
    const mac = currentMac(container);
    const pid = pidOf(context, record);
    if (mac === null || pid === null) return;
    await wireAlone(context, { record, pid, mac });
    if (!context.announced.has(container)) return;
    const route = ip.routeLocally({ network: context.network(), mac, virtualIps });
    await run(ipBatch, { input: lines(route) });
    // It may have been taken back meanwhile.
    if (!context.announced.has(container)) await unroute(context, record);
  });
}
