#!/bin/bash
# clear-lab.sh KEY [DIR]: removes everything a lab has on this machine, whoever left it there: processes, cgroups,
# network namespaces, the link to them and (when given) its folder. Succeeds when there is nothing.
set -u
key=$1 dir=${2:-}

cgroup_root() { awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts; }

end_processes() {
  local cgroup=$1
  [ -d "$cgroup" ] || return 0
  echo 0 >"$cgroup/cgroup.freeze"
  echo 1 >"$cgroup/cgroup.kill"
  for _ in $(seq 250); do
    grep -q 'populated 0' "$cgroup/cgroup.events" && break
    sleep 0.02
  done
  for _ in $(seq 50); do
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && return 0
    sleep 0.02
  done
  echo "cgroup $cgroup is still in use" >&2
  return 1
}

status=0
end_processes "$(cgroup_root)/container-ha-$key" || status=1
for netns in /run/netns/cha-"$key"-*; do
  [ -e "$netns" ] && { ip netns del "${netns##*/}" || status=1; }
done
[ -e "/sys/class/net/cha$key" ] && ip link del "cha$key" 2>/dev/null
if [ -n "$dir" ]; then rm -rf --one-file-system "$dir" || status=1; fi
exit $status
