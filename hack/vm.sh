#!/bin/sh
# Runs a command in a virtual machine with Debian 12 and systemd, to see the program on
# a machine that is not this one. Needs root, Debian's debootstrap, e2fsprogs and
# qemu-system-x86.
#
#   hack/vm.sh HIERARCHY DIRECTORY COMMAND...
#
# VM_LIMIT is how many seconds it may take, 900 if it is not set; VM_CPUS how many processors it
# has, 2 if it is not set; VM_KERNEL has more for the kernel's command line.
# HIERARCHY is the layout of cgroups: v2, hybrid or v1. DIRECTORY is there as /k.
set -eu
if [ $# -lt 3 ]; then
	sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
hierarchy=$1 directory=$2
shift 2
case $hierarchy in
v2) kernel="systemd.unified_cgroup_hierarchy=1" ;;
hybrid) kernel="systemd.unified_cgroup_hierarchy=0" ;;
v1) kernel="systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1" ;;
*) echo "There is no hierarchy '$hierarchy': say v2, hybrid or v1" >&2 && exit 2 ;;
esac
for tool in debootstrap mkfs.ext4 qemu-system-x86_64; do
	command -v $tool >/dev/null || missing="${missing-} $tool"
done
if [ -n "${missing-}" ]; then
	echo "Please run: apt-get install debootstrap e2fsprogs qemu-system-x86 (missing:$missing)" >&2
	exit 1
fi

# The system is made once for each list of packages; it is some 900 MB.
packages=systemd-sysv,dbus,linux-image-cloud-amd64,nftables,kmod,iproute2,procps,util-linux,sudo
packages=$packages,apparmor,docker.io,iptables,xfsprogs,btrfs-progs
packages=$packages,selinux-basics,selinux-policy-default
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kubarium/vm
system=$cache/bookworm-$(echo "$packages" | cksum | cut -d' ' -f1)
if [ ! -e "$system/.complete" ]; then
	rm -rf "$cache"/bookworm* && mkdir -p "$cache"
	debootstrap --variant=minbase --include="$packages" bookworm "$system" >"$cache/debootstrap.log"
	touch "$system/.complete"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# What is to run goes onto the second disk, with a unit that the first finds there.
mkdir -p "$system/k" "$system/etc/systemd/system/multi-user.target.wants"
cat >"$system/etc/systemd/system/vm.service" <<-'UNIT'
	[Unit]
	Wants=network.target
	After=network.target
	[Service]
	Type=oneshot
	ExecStartPre=/bin/mount /dev/vdb /k
	ExecStart=/bin/sh /k/.command
	ExecStopPost=/sbin/poweroff -f
	StandardOutput=tty
	StandardError=tty
	TTYPath=/dev/ttyS0
	Delegate=no
	TimeoutStartSec=infinity
	[Install]
	WantedBy=multi-user.target
UNIT
ln -sf ../vm.service "$system/etc/systemd/system/multi-user.target.wants/vm.service"
ln -sf /dev/null "$system/etc/systemd/system/serial-getty@ttyS0.service"
# With SELinux, files have their labels before the machine boots: it would have to twice.
case "${VM_KERNEL-}" in
*selinux=1*)
	# It goes by /proc/self/fd.
	unshare --mount sh -c 'mount -t proc proc "$1/proc" && chroot "$1" setfiles -F -e /proc /etc/selinux/default/contexts/files/file_contexts /' sh "$system"
	;;
esac
cat >"$directory/.command" <<-COMMAND
	cd /k
	export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	$*
	echo "vm: exit code \$?"
COMMAND
mkfs.ext4 -q -d "$system" "$work/system.img" 16G 2>/dev/null
mkfs.ext4 -q -d "$directory" "$work/directory.img" 4G 2>/dev/null
rm -f "$directory/.command"

# Within another virtual machine /dev/kvm may be there and be of no use (see
# docs/RELIABILITY.md), so that it is used only on demand: VM_KVM=yes. Without it a start takes
# some minutes. An emulated kernel does not trust the time stamp counters of its processors:
# each look at the clock would be one at an emulated device, and Go looks often.
accelerate="-accel tcg,thread=multi -cpu max"
clock="tsc=reliable"
if [ -n "${VM_KVM-}" ]; then accelerate="-enable-kvm -cpu host,arch-capabilities=off" clock=; fi
image=$(ls "$system"/boot/vmlinuz-* | tail -n 1)
# shellcheck disable=SC2086
timeout --kill-after=10 "${VM_LIMIT:-900}" qemu-system-x86_64 $accelerate -smp "${VM_CPUS:-2}" -m 5G -nographic -no-reboot -nic none \
	-kernel "$image" -initrd "${image%/*}/initrd.img-${image##*/vmlinuz-}" \
	-drive "file=$work/system.img,format=raw,if=virtio,cache=unsafe" \
	-drive "file=$work/directory.img,format=raw,if=virtio,cache=unsafe" \
	-append "root=/dev/vda rw console=ttyS0 panic=-1 $clock $kernel ${VM_KERNEL-}" </dev/null | tee "$work/console"
grep -q '^vm: exit code 0' "$work/console"
