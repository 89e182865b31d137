#!/bin/sh
# Installs what building and running need from the distribution. On Debian and its
# kin it does so by apt-get; elsewhere it names what is missing. For another
# architecture than the machine's (ARCH, as Go names it) it wants a compiler too, and
# for 'make test-long' (LONG=yes) file systems and a virtual machine.
set -eu
arch=${1:-$(go env GOHOSTARCH)}

missing=
need() { # PACKAGE TEST...
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}
need gcc command -v gcc
need libc6-dev test -e /usr/include/stdio.h
need libseccomp-dev test -e /usr/include/seccomp.h
need pkg-config command -v pkg-config
need nftables command -v nft
need busybox-static test -x /bin/busybox
need bash-static test -x /bin/bash-static
need mount command -v mount
need iproute2 command -v ip # The tests compare addresses and sockets by it.
need vim-tiny sh -c 'command -v vim || command -v vim.tiny' # They edit in the app's terminal,
need procps command -v top                                  # and look at what draws over itself.
if [ -n "${LONG-}" ]; then
	need e2fsprogs command -v mkfs.ext4
	need xfsprogs command -v mkfs.xfs
	need btrfs-progs command -v mkfs.btrfs
	need debootstrap command -v debootstrap
	need qemu-system-x86 command -v qemu-system-x86_64
fi
if [ "$arch" != "$(go env GOHOSTARCH)" ]; then
	case $arch in
	arm64) machine=aarch64 ;;
	amd64) machine=x86_64 ;;
	*) echo "There are no helper programs for $arch; there are for amd64 and arm64." >&2; exit 1 ;;
	esac
	need "gcc-$(echo $machine | tr _ -)-linux-gnu libc6-dev-$arch-cross" command -v $machine-linux-gnu-gcc
	need "libseccomp-dev:$arch" test -e /usr/lib/$machine-linux-gnu/libseccomp.a
fi
if [ -z "$missing" ]; then
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "Please install these (they are Debian's names):$missing" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "Please run, as root: apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "Installing:$missing"
if [ "$arch" != "$(go env GOHOSTARCH)" ]; then
	dpkg --add-architecture "$arch"
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
