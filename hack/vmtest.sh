#!/bin/sh
# Runs a cluster on another machine: Debian 12 with systemd and cgroup v2 alone, AppArmor,
# and a Docker engine whose firewall lets nothing through, in a virtual machine. Part of
# 'make test-long'; where it is emulated it takes a good while, and VM_LIMIT more than that.
#
#   hack/vmtest.sh PROGRAM [v2|hybrid|v1] [PART...]
#
# Parts are small, pods, clock, suspend, disks, and all of them if none is named. VM_KERNEL has
# more for the kernel's command line, as "security=selinux selinux=1". An emulated processor
# of its own is needed for all but small.
set -eu
program=${1:?"usage: hack/vmtest.sh PROGRAM [v2|hybrid|v1] [PART...]"}
hierarchy=${2:-v2}
shift $(($# < 2 ? $# : 2))
: "${VM_LIMIT:=7200}"
export VM_LIMIT
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cp "$program" "$directory/kubarium"
cat >"$directory/test.sh" <<-'TEST'
	set -eu
	limit=1200s # An emulated processor has a twentieth of the speed.
	say() { echo "vm: $(cut -d. -f1 /proc/uptime) s: $*"; }
	# again tries a command for a while: what is emulated may be late for a time-out.
	again() {
		tries=0
		until "$@"; do
			tries=$((tries + 1)) && test $tries -lt 20
			sleep 5
		done
	}
	k() { again ./kubarium kubectl "$@"; }
	# make creates what is not there yet: kind, name, and how.
	make() {
		kind=$1 name=$2
		shift 2
		again sh -c 'kind=$1 name=$2; shift 2; ./kubarium kubectl get "$kind" "$name" >/dev/null 2>&1 || ./kubarium kubectl "$@"' make "$kind" "$name" "$@"
	}
	kwait() { again ./kubarium kubectl wait "$@" --timeout=$limit; }
	start() {
		./kubarium up "$@" >up.log 2>&1 &
		up=$!
		trap 'cat up.log' EXIT
		until grep -q 'is ready after' up.log; do kill -0 $up; sleep 2; done
		say "$(grep 'is ready after' up.log)"
	}
	stop() { ./kubarium down && wait $up && trap - EXIT; }
	# answers asks the web server's node port until it answers, for the tests' limit.
	answers() {
		asks=0
		until bash -c "exec 3<>/dev/tcp/127.0.0.1/$port && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && timeout 20 grep -q 'Hello from pod' <&3" 2>/dev/null; do
			asks=$((asks + 1)) && test $asks -lt 300
			sleep 2
		done
	}
	# fine proves that nodes are Ready, old pods serve, and a new one comes up.
	fine() {
		kwait --for=condition=Ready node --all >/dev/null
		make pod "$1" run "$1" --image=kubarium/web:1.0 >/dev/null
		kwait --for=condition=Ready "pod/$1" >/dev/null
		answers
		say "nodes are Ready, the node port answers, and a new pod runs $2"
	}
	clean() {
		# Nothing is left: no cgroup, no link, and systemd is content.
		test -z "$(find /sys/fs/cgroup -type d -name 'kubarium*')"
		ip -o link | cut -d: -f2 >links.after
		cmp links.before links.after
		iptables-save | grep -v '^#' | sed 's/\[.*//' >rules.after
		cmp rules.before rules.after
		test -z "$(systemctl --failed --no-legend --plain | grep -v vm.service)"
		say "nothing is left behind"
	}

	# small is for a machine that is too slow for more: one node, and the pod that each cluster
	# has. That it runs is seen without kubectl, whose start alone takes half a minute there.
	small() {
		start --nodes 1 --disable ingress,metrics,storage,networkpolicy,loadbalancer
		grep -E '^ *[0-9.]+ s  node-1 +ready ' up.log
		waits=0
		until limited=$(find /sys/fs/cgroup -path '*kubarium*kubepods*' \( -name memory.max -o -name memory.limit_in_bytes \) -exec grep -lx 178257920 {} + | grep .); do
			waits=$((waits + 1)) && test $waits -lt 120
			sleep 5
		done
		say "a node is Ready and CoreDNS runs on it, with its limit in $(echo "$limited" | head -n 1 | sed 's/pod.*/pod.../')"
		stop
	}
	pods() {
		k get nodes -o wide
		# With its limits from the start: pods of an earlier revision would be in the way.
		./kubarium kubectl create deployment web --image=kubarium/web:1.0 --replicas=2 --dry-run=client -o yaml |
			./kubarium kubectl set resources --local -f - --limits=memory=64Mi,cpu=200m -o yaml >web.yaml
		k apply -f web.yaml
		make service web expose deployment web --port=80 --target-port=8080 --type=NodePort
		kwait --for=condition=Available deployment/web
		# The limits are in the cgroups of the pods, below those of their nodes.
		limited=$(find /sys/fs/cgroup -path '*kubarium*' \( -name memory.max -o -name memory.limit_in_bytes \) -exec grep -lx 67108864 {} + | wc -l)
		test "$limited" -ge 2
		say "pods run, with their limits in $limited cgroups"
		pod=$(k get pods -l app=web -o name | head -n 1)
		k exec "$pod" -- hostname
		k logs "$pod" | tail -n 1
		port=$(k get service web -o 'jsonpath={.spec.ports[0].nodePort}')
		answers
		say "exec, logs and a node port work"
		./kubarium node kill node-2
		./kubarium node start node-2
		kwait --for=condition=Ready node/node-2
		say "a killed node is back"
	}
	clock() {
		date -s '+1 hour' >/dev/null
		fine later "after the clock went on by an hour"
		date -s '-4 hours' >/dev/null
		fine earlier "after the clock went back by four hours"
	}
	suspend() {
		modprobe -q rtc_cmos || true
		rtcwake --mode mem --seconds 60 >/dev/null
		fine awake "after the machine slept for a minute"
	}
	disks() {
		for type in xfs btrfs; do
			truncate -s 3G /root/disk.img
			mkfs.$type /root/disk.img >/dev/null
			mkdir -p /root/disk
			mount -o loop /root/disk.img /root/disk
			test "$(stat -f -c %T /root/disk)" = $type
			start --nodes 1 --disable ingress,metrics --data-dir /root/disk
			again ./kubarium kubectl --data-dir /root/disk run web --image=kubarium/web:1.0
			again ./kubarium kubectl --data-dir /root/disk wait --for=condition=Ready pod/web --timeout=$limit
			say "a pod runs from $(stat -f -c %T /root/disk)"
			./kubarium down --data-dir /root/disk
			wait $up
			trap - EXIT
			umount /root/disk
			rm /root/disk.img
		done
	}

	modprobe tun
	say "$(uname -r), cgroups on $(stat -f -c %T /sys/fs/cgroup), $(cat /sys/kernel/security/lsm)"
	if test -e /sys/kernel/security/apparmor/profiles; then say "$(wc -l </sys/kernel/security/apparmor/profiles) AppArmor profiles are loaded"; fi
	# The engine is started by systemd at boot; it may take longer than we do.
	until docker info >/dev/null 2>&1; do sleep 2; done
	iptables -S FORWARD | head -n 1 | grep -x -- '-P FORWARD DROP'
	say "a Docker engine runs, and its firewall forwards nothing else"
	ip -o link | cut -d: -f2 >links.before
	iptables-save | grep -v '^#' | sed 's/\[.*//' >rules.before
	parts=${*:-small pods clock suspend disks}
	./kubarium doctor || test -n "${MAY_WARN-}"
	case " $parts " in *" pods "* | *" clock "* | *" suspend "*)
		start --nodes 2 --disable ingress,metrics
		pods
		for part in clock suspend; do
			case " $parts " in *" $part "*) $part ;; esac
		done
		stop
		clean
		;;
	esac
	# Not small && clean: what fails in a function left of && does not end the script.
	case " $parts " in *" small "*) small; clean ;; esac
	case " $parts " in *" disks "*) disks; clean ;; esac
	say "all parts passed: $parts"
TEST
"$(dirname "$0")/vm.sh" "$hierarchy" "$directory" sh ./test.sh "$@"
