import { engineNetwork, gateTable, localShim, paths, probeShim, units } from "../contract";
import { unitFolder } from "./agent";

/** Images that were pulled for protected containers, one `<engine> <image>` a line: deleted with the agent. */
export const pulledList = `${paths.state}/pulled-images`;

/** Of the rule that leads the agent's probes to their shim. */
export const probeRulePriority = 7077;
/** What every protected container carries in its engine. */
export const containerLabel = "container-ha.container";

/**
 * Script: ends everything of the agent on a host and deletes every trace of it. What HaGroup owns stays (etcd and its
 * data, certificates, group.json). Can be repeated; what is gone already is no failure.
 */
export const removeAgent = `
agent=${units.agent} lease=${units.lease} gate=${units.gate}

# The agent first, so that nothing is started again; then whatever it left running.
cgroup=/sys/fs/cgroup$(systemctl show --property=ControlGroup --value -- "$agent")
systemctl disable --quiet -- "$agent" "$lease" "$gate" 2>/dev/null
systemctl stop -- "$agent" "$lease" 2>/dev/null
# Not by \`cgroup.kill\`: since Linux 6.14 what systemd starts in the same folder afterwards is killed at once as well.
tries=0
while [ "$cgroup" != /sys/fs/cgroup ] && [ $tries -lt 100 ] && pids=$(cat "$cgroup/cgroup.procs" 2>/dev/null) && [ -n "$pids" ]; do
  kill -KILL $pids 2>/dev/null
  sleep 0.05
  tries=$((tries + 1))
done

engine_clean() {
  engine=$1
  ids=$($engine ps --all --quiet --filter label=${containerLabel} 2>/dev/null)
  [ -z "$ids" ] || $engine rm --force --volumes $ids >/dev/null 2>&1
  $engine network inspect ${engineNetwork} >/dev/null 2>&1 && $engine network rm ${engineNetwork} >/dev/null
  $engine images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | grep '^container-ha.local/' |
    while read -r image; do $engine rmi --force "$image" >/dev/null 2>&1; done
  [ -f ${pulledList} ] && sed -n "s/^$engine //p" ${pulledList} |
    while read -r image; do $engine rmi "$image" >/dev/null 2>&1; done
  :
}
command -v podman >/dev/null && engine_clean podman
# Asking an idle docker would start its daemon; a docker that was never started has nothing of ours.
command -v docker >/dev/null && [ -d /var/lib/docker/network ] && engine_clean docker

for shim in ${probeShim} ${localShim}; do
  ip link show "$shim" >/dev/null 2>&1 && ip link delete "$shim"
done
ip rule delete priority ${probeRulePriority} 2>/dev/null
nft list table netdev ${gateTable} >/dev/null 2>&1 && nft delete table netdev ${gateTable}

set -e
for unit in "$gate" "$lease" "$agent"; do rm -f -- "${unitFolder}/$unit"; done
systemctl daemon-reload
systemctl reset-failed -- "$agent" "$lease" "$gate" 2>/dev/null || :
rm -rf -- ${paths.lib} ${paths.command} ${paths.run} ${paths.agentConfig} ${paths.gateRules}
if [ -d ${paths.state} ]; then find ${paths.state} -mindepth 1 -maxdepth 1 ! -name etcd -exec rm -rf -- {} +; fi
rmdir --ignore-fail-on-non-empty -- ${paths.state} ${paths.etc} 2>/dev/null || :
`;

/** Script; `$1`: engine, `$2`: image. Notes an image that is not there yet as one of ours, before it is pulled. */
export const notePulledImage = `
[ -d ${paths.state} ] || exit 0
"$1" image inspect "$2" >/dev/null 2>&1 && exit 0
touch ${pulledList}
grep -qxF -- "$1 $2" ${pulledList} || echo "$1 $2" >>${pulledList}`;
