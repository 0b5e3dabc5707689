import { paths, units } from "../contract";
import { quoteArgv } from "../ssh/quote";
import { unitFolder } from "./agent";
import { removeAgent } from "./agent-removal";
import { checkFile } from "./etcd-check";
import { bootstrapMarker } from "./etcd-files";
import { NETWORK_FACTS } from "./preflight";
import { STATE_FACTS, UNMOUNT_STATE } from "./state-folder";
import { probeRealtime } from "./systemd";

const REALTIME_PROBE = quoteArgv(probeRealtime());

/** Takes etcd off a host that is no voter any more. */
export const RETIRE_VOTER_SCRIPT = `
systemctl disable --now --quiet ${units.etcd} 2>/dev/null
rm -rf ${paths.etcdUnit} ${checkFile} ${bootstrapMarker}
find ${paths.etcdData} -mindepth 1 -delete 2>/dev/null
rmdir ${paths.etcdData} 2>/dev/null
systemctl daemon-reload
systemctl reset-failed ${units.etcd} 2>/dev/null
exit 0`;

/** Says to which group a host belongs; the first thing that is put on it and the last that goes. */
export const claimFile = `${paths.etc}/claim.json`;

/**
 * Prints `name<TAB>base64` lines about what a group needs to know and what one left here before. Changes nothing. `$1`:
 * folder that was chosen for the state, or empty.
 */
export const OBSERVE_GROUP_SCRIPT = `
fact() { printf '%s\\t%s\\n' "$1" "$(printf %s "$2" | base64 | tr -d '\\n')"; }
text() { [ -f "$2" ] && fact "$1" "$(cat "$2")"; }
PATH=$PATH:/usr/sbin:/sbin
${NETWORK_FACTS}
text claim ${claimFile}
${STATE_FACTS}
text bundle ${paths.tls.ca}
text config ${paths.groupConfig}
for wal in ${paths.etcdData}/member/wal/*.wal; do [ -e "$wal" ] && fact data yes && break; done
text rebuilt ${paths.etcdRebuilt}
[ -e ${bootstrapMarker} ] && fact marker yes
[ "$(systemctl is-active ${units.etcd} 2>/dev/null)" = active ] && fact active yes
[ -e ${paths.etcdUnit} ] && fact unit yes
[ -e ${unitFolder}/${units.agent} ] && fact agent yes
[ -x /usr/bin/etcd ] && [ -x /usr/bin/etcdctl ] && [ ! -L /run/systemd/system/etcd.service ] && fact etcd yes
[ -x /usr/bin/etcdctl ] && fact etcdctl yes
${REALTIME_PROBE} 2>/dev/null && fact realtime yes
exit 0`;

/** Where they run, lease and agent read their configuration, certificates and keys again. Nothing of it waits. */
export const RELOAD_AGENTS_SCRIPT = `systemctl try-reload-or-restart --no-block ${units.lease} ${units.agent}`;

/** Claims the host, unless somebody else did since we looked: \`ln\` fails where the name exists. Input: the claim. */
export const CLAIM_SCRIPT = `
set -eu
umask 077
mkdir -p ${paths.etc} ${paths.state} ${paths.run}
tmp=${claimFile}.$$
trap 'rm -f "$tmp"' EXIT
cat >"$tmp"
cmp -s "$tmp" ${claimFile} && exit 0
sync "$tmp"
ln "$tmp" ${claimFile}`;

/**
 * Removes everything a group put on this host, and first an agent that is still there, as on a host that leaves. `$1`:
 * group, `$2`: its stack; a host that belongs to another group or stack, or to none, is left as it is. The claim goes
 * last, so that an interrupted removal is taken up again. An etcd that is asked to stop would look for another voter to
 * lead, for seconds where all of them stop.
 */
export const REMOVE_GROUP_SCRIPT = `
claim=${claimFile}
[ -f "$claim" ] || exit 0
grep -qF "\\"group\\":\\"$1\\"" "$claim" && grep -qF "\\"stack\\":\\"$2\\"" "$claim" || exit 0
if [ -e ${unitFolder}/${units.gate} ] || [ -e ${unitFolder}/${units.agent} ]; then
  # Not as a part of a condition: \`set -e\` would do nothing inside.
  (
${removeAgent}
  )
  [ $? -eq 0 ] || exit 1
fi
{ systemctl stop --no-block ${units.etcd}; systemctl kill --signal=KILL ${units.etcd}; } 2>/dev/null
systemctl disable --now --quiet ${units.etcd} 2>/dev/null
rm -f ${paths.etcdUnit}
systemctl reset-failed ${units.etcd} 2>/dev/null
systemctl daemon-reload
set -e
# The folder may be a mount point of its own.
[ ! -d ${paths.state} ] || find ${paths.state} -mindepth 1 -delete
${UNMOUNT_STATE}
rmdir ${paths.state} 2>/dev/null || true
rm -rf ${paths.run}
[ ! -d ${paths.etc} ] || find ${paths.etc} -mindepth 1 -maxdepth 1 ! -path "$claim" -exec rm -rf {} +
rm -rf ${paths.etc}`;
