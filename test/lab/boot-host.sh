#!/bin/bash
# boot-host.sh ROOTFS DIR NAME NETNS CGROUP BOOT_ID: becomes the first process of a test host.
# The overlay and all bind mounts live in the host's own mount namespace, so they end with its last process.
set -eu
rootfs=$1 dir=$2 name=$3 netns=$4 cgroup=$5 boot_id=$6

enter_namespaces() {
  # A cgroup of its own first: the cgroup namespace is made from it.
  echo $$ >"$cgroup/cgroup.procs"
  exec ip netns exec "$netns" env LAB_INSIDE=1 \
    unshare --mount --pid --uts --ipc --cgroup bash "$0" "$rootfs" "$dir" "$name" "$netns" "$cgroup" "$boot_id"
}

# The first child is the first process of the new namespace. Its parent does not wait: a process that stayed in the
# host's cgroup would keep systemd from handing out controllers.
start_first_process() {
  become_host &
}

become_host() {
  local root=$dir/root
  mount -t overlay overlay -o "lowerdir=$rootfs,upperdir=$dir/up,workdir=$dir/work" "$root"
  # The engines refuse to put their overlays on an overlay: these folders are on the machine's file system.
  for data in "$dir"/data/*; do
    mkdir -p "$root/var/lib/${data##*/}"
    mount --bind "$data" "$root/var/lib/${data##*/}"
  done
  hostname "$name"
  cd "$root"
  mkdir -p .old
  pivot_root . .old
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs /run
  make_devices
  # The kernel is shared: without an id of its own a host that was cut off and started looks never to have been down.
  echo "$boot_id" >/run/boot_id
  mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
  umount -l /.old
  exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init
}

make_devices() {
  mount -t tmpfs -o mode=755 tmpfs /dev
  mkdir /dev/pts /dev/shm /dev/net
  mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts /dev/pts
  mount -t tmpfs tmpfs /dev/shm
  ln -s pts/ptmx /dev/ptmx
  ln -s /proc/self/fd /dev/fd
  for stream in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${stream#*:}" "/dev/${stream%:*}"; done
  local node
  for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0" "fuse 10 229" "net/tun 10 200"; do
    set -- $node
    mknod -m 666 "/dev/$1" c "$2" "$3"
  done
}

if [ -n "${LAB_INSIDE:-}" ]; then start_first_process; else enter_namespaces; fi
