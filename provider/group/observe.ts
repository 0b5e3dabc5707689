import { OBSERVE_GROUP_SCRIPT } from "../commands/group";
import type { Ports } from "../contract";
import { type NetworkFacts, parseNetworkFacts } from "../preflight/facts";
import type { HostSession } from "../ssh/session";
import { type Claim, parseClaim } from "./claim";
import { portsIn } from "./ports";
import type { StateView } from "./state-folder";

/** What a group finds on one host. */
export interface HostView {
  network: NetworkFacts;
  claim: Claim | null;
  state: StateView;
  /** Those that an earlier run gave it; null: none. */
  ports: Ports | null;
  /** Trust bundle of an earlier run; empty: none. */
  bundle: string;
  /** etcd and etcdctl are installed. */
  hasEtcd: boolean;
  hasEtcdctl: boolean;
  /** The voter has data. */
  hasData: boolean;
  /** Of which cluster the data is (the record `rebuilt`); empty: of the first one. */
  rebuilt: string;
  /** The data is of a first cluster that was never finished. */
  isBootstrapping: boolean;
  /** The voter's unit is installed. */
  hasUnit: boolean;
  isActive: boolean;
  /** Lease and agent are installed. */
  hasAgent: boolean;
  /** A service may have real-time priority. */
  allowsRealtime: boolean;
}

/** `stateFolder`: folder that was chosen for the state. */
export async function observeGroupHost(host: HostSession, stateFolder = ""): Promise<HostView> {
  const { stdout } = await host.script(OBSERVE_GROUP_SCRIPT, {
    args: [stateFolder],
    label: "look at the host for the group",
  });
  const lines = stdout.split("\n").map((line) => line.split("\t"));
  const all = (name: string) =>
    lines.filter(([key]) => key === name).map(([, value = ""]) => Buffer.from(value, "base64").toString());
  const one = (name: string) => all(name)[0] ?? null;
  const claim = one("claim");
  return {
    network: parseNetworkFacts({
      interfaces: one("interfaces"),
      clocks: all("clock"),
      maxSlew: one("chrony.maxslewrate"),
    }),
    claim: claim === null ? null : parseClaim(claim, host.name),
    state: {
      folder: one("stateFolder"),
      isMounted: one("stateMounted") !== null,
      isFilled: one("stateFilled") !== null,
      isChosenFilled: one("folderFilled") !== null,
    },
    ports: portsIn(one("config")),
    bundle: one("bundle") ?? "",
    hasEtcd: one("etcd") !== null,
    hasEtcdctl: one("etcdctl") !== null,
    hasData: one("data") !== null,
    rebuilt: one("rebuilt") ?? "",
    isBootstrapping: one("marker") !== null,
    hasUnit: one("unit") !== null,
    isActive: one("active") !== null,
    hasAgent: one("agent") !== null,
    allowsRealtime: one("realtime") !== null,
  };
}
