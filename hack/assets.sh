#!/bin/sh
# Builds what the program embeds into assets/bin/ARCH: the helper programs and the
# bundled images. All of it comes from pinned Go modules and Debian packages.
set -eu
cd "$(dirname "$0")/.."
arch=${1:-$(go env GOARCH)}
host=$(go env GOHOSTARCH)
out=assets/bin/$arch
# Beside the place where it all goes at the end, by a rename.
mkdir -p "$out"
work=$(mktemp -d "$PWD/assets/bin/.new-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/helpers" "$work/images" "$work/out"

# Which compiler makes C programs for the architecture.
cc=${CC:-gcc}
if [ "$arch" != "$host" ]; then
	case $arch in
	arm64) cc=aarch64-linux-gnu-gcc ;;
	amd64) cc=x86_64-linux-gnu-gcc ;;
	esac
fi
flags="-trimpath -buildvcs=false"

build() { # MODULE PACKAGE NAME [GO BUILD FLAG...]
	module=$1 package=$2 name=$3
	shift 3
	echo "assets: $name"
	(cd "$module" && GOARCH=$arch GOFLAGS="$flags" go build "$@" -o "$work/$name" "$package")
}

# runc is C in part, and refuses pods if it was built without seccomp.
export CGO_ENABLED=1 CC="$cc"
build assets/helpers/runc github.com/opencontainers/runc helpers/runc \
	-tags "netgo osusergo seccomp" -ldflags "-s -w -extldflags -static"
export CGO_ENABLED=0
build assets/helpers/shim github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2 helpers/containerd-shim-runc-v2 \
	-tags no_btrfs,no_devmapper,no_zfs -ldflags "-s -w"
for plugin in main/ptp ipam/host-local meta/portmap meta/tuning; do
	build assets/helpers/cni github.com/containernetworking/plugins/plugins/$plugin "helpers/$(basename $plugin)" -ldflags "-s -w"
done
build . ./cluster/node/nodeinit/cmd helpers/kubarium-node-init -ldflags "-s -w"
build assets/helpers/coredns . images/coredns -ldflags "-s -w"
build . ./assets/images/toolbox images/toolbox -ldflags "-s -w"

# Traefik is built from a copy of its sources with ours put over it, see its doc.go. The
# copy has the same name each time: it is part of what the program says of itself.
echo "assets: traefik"
(
	cd assets/helpers/traefik
	sources=../../bin/.traefik
	rm -rf "$sources"
	trap 'rm -rf "$sources"' EXIT
	mkdir "$sources"
	cp go.mod "$sources/go.mod"
	cp go.sum "$sources/go.sum"
	# Not all of them: most are the DNS hosters'.
	go mod download github.com/traefik/traefik/v3 github.com/go-acme/lego/v4 sigs.k8s.io/gateway-api
	for pair in traefik=github.com/traefik/traefik/v3 lego=github.com/go-acme/lego/v4; do
		name=${pair%%=*} module=${pair#*=}
		cp -r "$(go list -m -f '{{.Dir}}' "$module")" "$sources/$name"
		chmod -R u+w "$sources/$name"
		cp -r "patch/$name/." "$sources/$name/"
		go mod edit -replace "$module=$sources/$name" "$sources/go.mod"
	done
	traefik=$(go list -m -f '{{.Version}}' github.com/traefik/traefik/v3)
	GOARCH=$arch GOFLAGS="$flags" go build -modfile "$sources/go.mod" -o "$work/images/traefik" \
		-ldflags "-s -w -X github.com/traefik/traefik/v3/pkg/version.Version=${traefik#v}" \
		github.com/traefik/traefik/v3/cmd/traefik
)

# The pause program is upstream's own, from the Kubernetes module.
echo "assets: pause"
# On a machine that never built this, the module is not there yet: nothing before needs it.
go mod download k8s.io/kubernetes
kubernetes=$(go list -m -f '{{.Dir}}' k8s.io/kubernetes)
(cd "$kubernetes/build/pause/linux" && $cc -Os -Wall -static -s -DVERSION=3.10.2 -o "$work/images/pause" pause.c)

echo "assets: images"
busybox=/bin/busybox bash=/bin/bash-static
if [ "$arch" != "$host" ]; then
	(cd "$work" && apt-get download -qq "busybox-static:$arch" "bash-static:$arch")
	for package in "$work"/*.deb; do
		dpkg-deb --extract "$package" "$work/debian"
	done
	busybox=$work/debian/bin/busybox bash=$work/debian/bin/bash-static
fi
unset GOARCH
go run ./assets/images/build -arch "$arch" -out "$work/out/images" -busybox "$busybox" -bash "$bash" \
	-pause "$work/images/pause" -coredns "$work/images/coredns" -toolbox "$work/images/toolbox" -traefik "$work/images/traefik"
gateway=$(cd assets/helpers/traefik && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)
go run ./assets/gateway -in "$gateway/config/crd/standard" -out "$work/out/gateway-api.json.zst"
go run ./assets/pack -out "$work/out" "$work"/helpers/*

# The list comes last: without it, all of this is built again.
rm -rf "$out/SHA256.json" "$out/images" "$out"/*.zst
mv "$work/out/images" "$work"/out/*.zst "$out"
mv "$work/out/SHA256.json" "$out"
du -sh "$out"
