import { paths, units } from "../contract";
import { bootstrapMarker } from "./etcd";

/** Says to which group a host belongs; the first thing that is put on it and the last that goes. */
export const claimFile = `${paths.etc}/claim.json`;

/** Prints `name<TAB>base64` lines about what a group left on this host before. Changes nothing. */
export const OBSERVE_GROUP_SCRIPT = `
text() { [ -f "$2" ] && printf '%s\\t%s\\n' "$1" "$(base64 <"$2" | tr -d '\\n')"; }
flag() { printf '%s\\t%s\\n' "$1" "$(printf yes | base64)"; }
text claim ${claimFile}
text bundle ${paths.tls.ca}
text heartbeatKeys ${paths.heartbeatKeys}
for wal in ${paths.etcdData}/member/wal/*.wal; do [ -e "$wal" ] && flag data && break; done
[ -e ${bootstrapMarker} ] && flag marker
[ "$(systemctl is-active ${units.etcd} 2>/dev/null)" = active ] && flag active
command -v /usr/bin/etcd >/dev/null 2>&1 && command -v etcdctl >/dev/null 2>&1 && [ ! -L /run/systemd/system/etcd.service ] && flag etcd
exit 0`;

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
 * Removes everything a group put on this host. `$1`: group; a host that belongs to another group, or to none, is left
 * as it is. The claim goes last, so that an interrupted removal is taken up again.
 */
export const REMOVE_GROUP_SCRIPT = `
claim=${claimFile}
[ -f "$claim" ] || exit 0
grep -q "\\"group\\":\\"$1\\"" "$claim" || exit 0
for unit in ${units.agent} ${units.lease} ${units.etcd} ${units.gate}; do
  systemctl disable --now --quiet "$unit" 2>/dev/null
  rm -f "/etc/systemd/system/$unit"
  systemctl reset-failed "$unit" 2>/dev/null
done
systemctl daemon-reload
set -e
rm -rf ${paths.state} ${paths.run}
find ${paths.etc} -mindepth 1 -maxdepth 1 ! -path "$claim" -exec rm -rf {} +
rm -rf ${paths.etc}`;
