/** Needs a function `fact NAME VALUE`. */
export const NETWORK_FACTS = `command -v ip >/dev/null 2>&1 && fact interfaces "$(ip -j addr show)"
for unit in chrony systemd-timesyncd ntp ntpsec ntpd openntpd ptp4l phc2sys; do
  [ "$(systemctl is-active $unit 2>/dev/null)" = active ] && fact clock "$unit"
done
fact chrony.maxslewrate "$(cat /etc/chrony/chrony.conf /etc/chrony/conf.d/*.conf /etc/chrony.conf 2>/dev/null \\
  | sed -n 's/^[[:space:]]*maxslewrate[[:space:]]*//p' | tail -n 1)"`;

/**
 * Looks at a host without changing anything. Prints one `name<TAB>value` line per fact; a tool that is missing has no
 * line. Read by `parseFacts`. `$1`: folder whose file system will hold checkpoints. `$2`: docker, where
 * its daemon is to be asked, which starts one that nobody has used yet.
 */
export const PREFLIGHT_SCRIPT = `
fact() { printf '%s\\t%s\\n' "$1" "$2"; }
first() { head -n 1 | tr -d '\\t'; }
version() { name=$1; shift; command -v "$1" >/dev/null 2>&1 && fact "$name" "$("$@" 2>&1 | first)"; }
present() { command -v "$1" >/dev/null 2>&1 && fact "$1" present; }
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
fact uid "$(id -u)"
[ -r /etc/os-release ] && . /etc/os-release
fact os.id "\${ID:-}"; fact os.version "\${VERSION_ID:-}"; fact os.name "\${PRETTY_NAME:-}"
fact arch "$(uname -m)"; fact kernel "$(uname -r)"
fact machineId "$(cat /etc/machine-id 2>/dev/null)"
fact init "$(cat /proc/1/comm)"
fact cpu.model "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | first)"
fact cpu.flags "$(sed -n 's/^\\(flags\\|Features\\)[^:]*: //p' /proc/cpuinfo | first)"
fact memoryKb "$(sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo)"
dir=$1; while [ ! -d "$dir" ]; do dir=$(dirname "$dir"); done
fact diskMb "$(df -Pm "$dir" | sed -n '2p' | awk '{ print $2 " " $4 }')"
version systemd systemctl --version; version criu criu --version; version runc runc --version
version podman podman --version; version docker docker --version; version nft nft --version
version etcd etcd --version; version etcdctl etcdctl version
[ "$2" = docker ] && command -v docker >/dev/null 2>&1 && fact docker.info "$(timeout 30 docker info --format '{{json .}}' 2>/dev/null | tr -d '\\n\\t')"
for tool in ip zstd socat arping tar; do present $tool; done
if command -v criu >/dev/null 2>&1; then
  problems=$(criu check 2>&1); fact criu.check $?
  fact criu.problems "$(printf '%s' "$problems" | tr '\\n\\t' '| ')"
fi
${NETWORK_FACTS}
fact cgroup "$(stat -fc %T /sys/fs/cgroup 2>/dev/null)"
fact cgroup.controllers "$(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null)"
command -v apt-get >/dev/null 2>&1 && fact apt "$(apt-cache madison criu 2>/dev/null | tr '\\n' ';')"
exit 0`;
