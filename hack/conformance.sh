#!/bin/sh
# Builds upstream's conformance suite, and the programs that its images hold, into
# bin/conformance, then runs it against a cluster of its own: hack/conformance.sh
# [FLAG...], with the flags of test/conformance. The program must be built already.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
programs=$root/bin/conformance
mkdir -p "$programs"
built=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
cd test/conformance

kubernetes=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
if [ "$kubernetes" != "$built" ]; then
	echo "The tests are of Kubernetes $kubernetes, the program is of $built: change test/conformance/go.mod." >&2
	exit 1
fi
minor=${kubernetes#v1.}
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	flags="$flags -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*} -X $package.gitTreeState=clean"
done

build() { # PACKAGE NAME
	go build -ldflags "$flags" -o "$programs/$2" "$1"
}

# Of the very release that upstream's image has: some tests look for its shell's words.
# Debian's own program is built with other choices, and its shell hides variables.
busybox() {
	command -v bzip2 >/dev/null || apt-get install -qq -y --no-install-recommends bzip2
	work=$(mktemp -d)
	/usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file http://deb.debian.org/debian/pool/main/b/busybox/busybox_1.37.0.orig.tar.bz2 \
		"$work/busybox.tar.bz2" SHA256:3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4
	tar -xjf "$work/busybox.tar.bz2" -C "$work"
	(
		cd "$work/busybox-1.37.0"
		make defconfig >build.log 2>&1
		# Its tc does not build with the headers of new kernels.
		sed -i -e 's/^# CONFIG_STATIC is not set/CONFIG_STATIC=y/' -e 's/^CONFIG_TC=y/# CONFIG_TC is not set/' .config
		make -j2 >>build.log 2>&1 || { cat build.log; exit 1; }
		mv busybox "$programs/busybox"
	)
	rm -rf "$work"
}
test -x "$programs/busybox" || { echo "building busybox"; busybox; }

echo "building the tests; the first time takes some minutes"
go test -c -ldflags "$flags" -o "$programs/e2e.test" k8s.io/kubernetes/test/e2e
build github.com/onsi/ginkgo/v2/ginkgo ginkgo
build k8s.io/kubernetes/cmd/kubectl kubectl
build k8s.io/sample-apiserver sample-apiserver
build go.etcd.io/etcd/server/v3 etcd
build k8s.io/kubernetes/test/images/nonewprivs nonewprivs
version=$(cat "$(go list -m -f '{{.Dir}}' k8s.io/kubernetes)/test/images/agnhost/VERSION")
flags="$flags -X main.Version=$version" build k8s.io/kubernetes/test/images/agnhost agnhost
exec go run . -kubarium "$root/bin/kubarium" -programs "$programs" -out "$programs/results" "$@"
