#!/bin/sh
# Runs a cluster on another machine: Debian 12 with systemd and cgroup v2 alone, in a
# virtual machine. Part of 'make test-long'; some ten minutes where it is emulated.
#
#   hack/vmtest.sh PROGRAM [v2|hybrid|v1]
set -eu
program=${1:?"usage: hack/vmtest.sh PROGRAM [v2|hybrid|v1]"}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cp "$program" "$directory/kubarium"
cat >"$directory/test.sh" <<-'TEST'
	set -eux
	k() { ./kubarium kubectl "$@"; }
	modprobe tun
	./kubarium doctor
	./kubarium up --nodes 2 --disable ingress,metrics >up.log 2>&1 &
	up=$!
	trap 'cat up.log' EXIT
	until grep -q 'is ready after' up.log; do kill -0 $up; sleep 2; done
	k get nodes -o wide
	# With its limits from the start: pods of an earlier revision would be in the way.
	k create deployment web --image=kubarium/web:1.0 --replicas=2 --dry-run=client -o yaml |
		k set resources --local -f - --limits=memory=64Mi,cpu=200m -o yaml | k apply -f -
	k rollout status deployment/web --timeout=400s
	# The limits are in the cgroups of the pods, below those of their nodes.
	limited=$(find /sys/fs/cgroup -path '*kubarium*' \( -name memory.max -o -name memory.limit_in_bytes \) -exec grep -lx 67108864 {} +)
	test -n "$limited"
	pod=$(k get pods -l app=web -o name | head -n 1)
	k exec "$pod" -- hostname
	k logs "$pod"
	k expose deployment web --port=80 --target-port=8080 --type=NodePort
	port=$(k get service web -o 'jsonpath={.spec.ports[0].nodePort}')
	asks=0
	until bash -c "exec 3<>/dev/tcp/127.0.0.1/$port && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && grep -q 'Hello from pod web' <&3"; do
		asks=$((asks + 1)) && test $asks -lt 60
		sleep 2
	done
	./kubarium node kill node-2
	./kubarium node start node-2
	k wait --for=condition=Ready node/node-2 --timeout=400s
	./kubarium down
	wait $up
	# Nothing is left: no cgroup, no link, and systemd is content.
	test -z "$(find /sys/fs/cgroup -type d -name 'kubarium*')"
	test "$(ip -o link | wc -l)" = 1
	test -z "$(systemctl --failed --no-legend --plain | grep -v vm.service)"
TEST
"$(dirname "$0")/vm.sh" "${2:-v2}" "$directory" sh ./test.sh
