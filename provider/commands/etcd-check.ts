import { keysOf, paths, units } from "../contract";
import { joinFile } from "./etcd-files";

/** What etcd's unit runs before etcd. */
export const checkFile = `${paths.etc}/etcd-check`;
/** This boot has passed the check once. */
const checkedFile = `${paths.run}/etcd-checked`;

/** A voter that has just booted gives the others so many seconds to say of which cluster they are. */
const FIRST_LOOKS = 5;

/**
 * Keeps a voter down whose data are of a cluster that was given up: `container-ha recover` has rebuilt the group from
 * another voter since, and this one would form a majority with others of its kind. Whoever answers has a majority, so
 * one answer tells; where nobody does, as when the whole group boots, etcd starts. Voters of a rebuilt cluster do not
 * wait for that, so that they answer before the others have done waiting. A voter that ran in this boot already was cut
 * off until now: lease and agent are started again, since they would take the rebuilt cluster for one of the past, which
 * may have lower revisions than they have seen.
 */
export function etcdCheck(o: { group: string; endpoints: readonly string[] }): string {
  const { ca, cert, key } = paths.tls;
  return `#!/bin/sh
# Exit status 1: etcd must not start here.
[ -e ${joinFile} ] && exit 0
own=$(cat ${paths.etcdRebuilt} 2>/dev/null)
number() { n=$(printf %s "$1" | sed -n 's/.*"number":\\([0-9]\\{1,9\\}\\).*/\\1/p'); printf %s "\${n:-0}"; }
passed() { mkdir -p -m 700 ${paths.run}; : >${checkedFile}; exit 0; }
looks=${FIRST_LOOKS}
[ -e ${checkedFile} ] || [ "$(number "$own")" -gt 0 ] && looks=1
while [ "$looks" -gt 0 ]; do
  if theirs=$(etcdctl --endpoints=${o.endpoints.map((endpoint) => `https://${endpoint}`).join(",")} \\
    --cacert=${ca} --cert=${cert} --key=${key} --dial-timeout=1s --command-timeout=1s \\
    get ${keysOf(o.group).rebuilt} --print-value-only 2>/dev/null); then
    [ "$theirs" = "$own" ] && passed
    [ "$(number "$theirs")" -lt "$(number "$own")" ] && passed
    echo "etcd is not started: the group was rebuilt by \\"container-ha recover\\" without this voter ($theirs), so its data (\${own:-of the first cluster}) are of the past. \\"pulumi up\\" lets it join again" >&2
    if [ -e ${checkedFile} ]; then
      rm -f ${checkedFile}
      systemctl try-restart --no-block ${units.lease} ${units.agent}
    fi
    exit 1
  fi
  looks=$((looks - 1))
done
passed
`;
}
