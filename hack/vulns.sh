#!/bin/sh
# Compares the code in a program with the Go vulnerability database. It fails if there is a
# vulnerability that docs/SECURITY.md does not explain, and if that explains one that is not
# there any more.
#
#   hack/vulns.sh PROGRAM [DIRECTORY]
#
# DIRECTORY has a copy of the database: its files GO-*.json.
set -eu
if [ $# -lt 1 ]; then
	sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
command -v jq >/dev/null || { echo "Please run: apt-get install jq" >&2; exit 1; }
program=$(realpath "$1")
database=https://vuln.go.dev
if [ -n "${2-}" ]; then database=file://$(cd "$2" && pwd); fi
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# With these formats vulnerabilities that are found are no failure; not to look is one.
GOFLAGS=-trimpath go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 \
	-mode=binary -format=json -db="$database" "$program" >"$work/all.json"
# A finding has a trace; with a symbol in it, the code is in the program, and not only its module.
jq -r 'select(.finding.trace[0].function) | .finding.osv' "$work/all.json" | sort -u >"$work/found"
grep -o '^| GO-[0-9]*-[0-9]* ' docs/SECURITY.md | tr -d '| ' | sort -u >"$work/explained"
unexplained=$(comm -23 "$work/found" "$work/explained")
gone=$(comm -13 "$work/found" "$work/explained")
for id in $unexplained; do echo "$id is in the program, and docs/SECURITY.md says nothing of it: https://pkg.go.dev/vuln/$id"; done
for id in $gone; do echo "$id is not in the program any more: take it out of docs/SECURITY.md"; done
echo "$(wc -l <"$work/found") known vulnerabilities are in the program, $(wc -l <"$work/explained") are explained"
test -z "$unexplained$gone"
