#!/bin/sh
# Builds upstream's conformance suite, and the programs that its images hold, into
# bin/conformance, then runs it against a cluster of its own: hack/conformance.sh
# [FLAG...], with the flags of test/conformance. The program must be built already.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
programs=$root/bin/conformance
mkdir -p "$programs"
cd test/conformance

kubernetes=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${kubernetes#v1.}
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	flags="$flags -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*} -X $package.gitTreeState=clean"
done

build() { # PACKAGE NAME
	go build -ldflags "$flags" -o "$programs/$2" "$1"
}

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
