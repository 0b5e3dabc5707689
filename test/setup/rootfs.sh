#!/bin/bash
# rootfs.sh TARGET [MIRROR]: builds the root file system that all test hosts share. Needs root and debootstrap.
# The text of this file is the recipe, together with criu-rlimits.c: the cache is keyed by their hash.
set -euo pipefail
target=$1 mirror=${2:-} here=$(dirname "$0")
suite=trixie criu_suite=sid
packages=(
  systemd systemd-sysv dbus openssh-server sudo procps iproute2 iputils-ping iputils-arping nftables conntrack socat
  curl openssl ca-certificates tar zstd python3-minimal
  podman runc netavark aardvark-dns uidmap docker.io docker-cli docker-registry
  etcd-server etcd-client redis-server
)
# Of these the lab makes images; no host runs them.
workloads=(postgresql-17 mariadb-server-core memcached nginx-light nodejs python3)
# Needed while the root file system is made, and gone from it afterwards.
compiler=(tcc libc6-dev)
# Services that the product, a test or a user starts, never Debian's package by itself.
disabled=(etcd redis-server postgresql memcached nginx docker-registry docker containerd podman podman-restart podman-auto-update.timer
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer)
# What has no meaning in a namespace host.
masked=(systemd-udevd systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-timesyncd systemd-resolved
  systemd-networkd getty@tty1 console-getty systemd-binfmt systemd-modules-load kmod-static-nodes
  sys-kernel-debug.mount sys-kernel-tracing.mount dev-mqueue.mount dev-hugepages.mount)

say() { printf 'rootfs: %s\n' "$*" >&2; }
in_target() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$target" "$@"; }

say "base system ($suite)"
debootstrap --variant=minbase "$suite" "$target" ${mirror:+"$mirror"} >"$target.log" 2>&1 || { tail -5 "$target.log" >&2; exit 1; }

say "packages: ${packages[*]} ${workloads[*]}"
mirror=$(awk '$1 == "deb" { print $2; exit }' "$target/etc/apt/sources.list")
echo "deb $mirror $criu_suite main" >"$target/etc/apt/sources.list.d/criu.list"
printf 'Package: *\nPin: release n=%s\nPin-Priority: 100\n' "$criu_suite" >"$target/etc/apt/preferences.d/criu"
cat >"$target/etc/apt/apt.conf.d/90lab" <<'APT'
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
APT::Install-Recommends "false";
APT
echo force-unsafe-io >"$target/etc/dpkg/dpkg.cfg.d/90lab"
printf 'path-exclude=/usr/share/%s\n' 'doc/*' 'man/*' 'locale/*' 'info/*' >>"$target/etc/dpkg/dpkg.cfg.d/90lab"
printf '#!/bin/sh\nexit 101\n' >"$target/usr/sbin/policy-rc.d"
chmod 755 "$target/usr/sbin/policy-rc.d"
mkdir -p "$target/etc/postgresql-common"
echo 'create_main_cluster = false' >"$target/etc/postgresql-common/createcluster.conf"
in_target apt-get -q update >>"$target.log" 2>&1 || { tail -5 "$target.log" >&2; exit 1; }
in_target apt-get -qy install "${packages[@]}" "${workloads[@]}" "${compiler[@]}" >>"$target.log" 2>&1 || { tail -5 "$target.log" >&2; exit 1; }

say "criu ($criu_suite)"
in_target apt-get -qy -t "$criu_suite" install criu libcriu2 >>"$target.log" 2>&1 || { tail -5 "$target.log" >&2; exit 1; }

say "preload for criu on machines without CAP_SYS_RESOURCE"
mkdir "$target/usr/lib/lab"
cp "$here/criu-rlimits.c" "$target/tmp/"
in_target tcc -shared -Wall -o /usr/lib/lab/criu-rlimits.so /tmp/criu-rlimits.c
rm "$target/tmp/criu-rlimits.c"
in_target apt-get -qy purge --autoremove "${compiler[@]}" >>"$target.log" 2>&1 || { tail -5 "$target.log" >&2; exit 1; }
in_target dpkg-divert --quiet --local --rename --divert /usr/lib/lab/criu --add /usr/sbin/criu
cat >"$target/usr/sbin/criu" <<'CRIU'
#!/bin/sh
# CRIU of a test host. Bit 24 of the capabilities is CAP_SYS_RESOURCE; what the preload does without it says its source.
value=0
[ ! -e /proc/self/status ] || while read -r name value; do [ "$name" = CapEff: ] && break; done </proc/self/status
[ $((0x$value >> 24 & 1)) = 1 ] || export LD_PRELOAD=/usr/lib/lab/criu-rlimits.so
exec /usr/lib/lab/criu "$@"
CRIU
chmod 755 "$target/usr/sbin/criu"
cat >"$target/etc/systemd/system/lab-criu-rlimits.service" <<'UNIT'
[Unit]
Description=Say that CRIU runs with a preload here
ConditionCapability=!CAP_SYS_RESOURCE
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=echo "THIS TEST HOST IS NO REAL HOST: its machine lacks CAP_SYS_RESOURCE, so CRIU runs with /usr/lib/lab/criu-rlimits.so preloaded, without which it could dump no process of another user than root."
[Install]
WantedBy=multi-user.target
UNIT

say "settings"
in_target systemctl -q disable "${disabled[@]}" 2>>"$target.log" || true
in_target systemctl -q mask "${masked[@]}" 2>>"$target.log"
in_target systemctl -q set-default multi-user.target 2>>"$target.log"
in_target systemctl -q enable docker.socket ssh.service lab-criu-rlimits.service 2>>"$target.log"
in_target useradd --create-home --shell /bin/bash ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' >"$target/etc/sudoers.d/ops"
chmod 440 "$target/etc/sudoers.d/ops"
mkdir -p "$target"/etc/{containers/registries.conf.d,docker,ssh/sshd_config.d} "$target/var/log/journal"
# A host in namespaces has neither disks nor consoles nor a firmware to make units for, and each reload of units would
# start all of these programs again.
mkdir -p "$target/etc/systemd/system-generators"
for generator in "$target"/usr/lib/systemd/system-generators/*; do
  ln -s /dev/null "$target/etc/systemd/system-generators/${generator##*/}"
done
# Some machines lend a host no pids controller, and crun's restore fails where cgroup v1 is mounted beside v2.
cat >"$target/etc/containers/containers.conf" <<'CONF'
[containers]
pids_limit = 0
[engine]
runtime = "runc"
cgroup_manager = "systemd"
CONF
printf '[[registry]]\nlocation = "registry.lab:5000"\ninsecure = true\n' >"$target/etc/containers/registries.conf.d/lab.conf"
echo '{"experimental": true, "insecure-registries": ["registry.lab:5000"]}' >"$target/etc/docker/daemon.json"
printf 'UseDNS no\nMaxStartups 50:30:200\n' >"$target/etc/ssh/sshd_config.d/lab.conf"
rm -rf "$target"/usr/sbin/policy-rc.d "$target"/etc/ssh/ssh_host_* "$target"/var/cache/apt/* "$target"/var/lib/apt/lists/* \
  "$target"/var/lib/{docker,containerd,containers,etcd}/* "$target"/var/log/*.log "$target"/var/log/apt \
  "$target"/usr/share/{doc,man,locale,info}/*
: >"$target/etc/machine-id"
rm -f "$target/var/lib/dbus/machine-id" "$target/etc/resolv.conf"
: >"$target/etc/resolv.conf"
say "$(in_target dpkg-query -f '${Package} ${Version}, ' -W criu podman runc docker.io etcd-server redis-server)done"
