# One set of flags for everything: another would build Kubernetes a second time.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false -tags=no_btrfs,no_devmapper,no_zfs,static_build

# The program tells whose code is in it, as upstream's own builds would.
KUBERNETES := $(shell awk '$$1 == "k8s.io/kubernetes" { print $$2 }' go.mod)
CONTAINERD := $(shell awk '$$1 == "github.com/containerd/containerd/v2" { print substr($$2, 2) }' go.mod)
ARCH       := $(shell go env GOARCH)
VERSION    := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The time of the commit, not of the build: the same sources give the same program.
BUILD_DATE := $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || echo 1970-01-01T00:00:00Z)
VERSIONED  := k8s.io/component-base/version k8s.io/client-go/pkg/version
# The module does not tell upstream's commit: none is better than upstream's placeholder.
LDFLAGS    := -s -w -X main.version=$(VERSION) $(foreach p,$(VERSIONED),\
	-X $(p).gitVersion=$(KUBERNETES) -X $(p).gitMajor=1 -X $(p).gitMinor=37 -X $(p).gitTreeState=clean\
	-X $(p).gitCommit= -X $(p).buildDate=$(BUILD_DATE))\
	-X github.com/containerd/containerd/v2/version.Version=$(CONTAINERD)

ASSETS := assets/bin/$(ARCH)/SHA256.json
# The main module's go.mod is not among them: most changes of it concern none of these.
ASSET_SOURCES := $(shell find assets/gateway assets/helpers assets/images assets/pack cluster/node/nodeinit -type f -not -name '*_test.go') hack/assets.sh

.DEFAULT_GOAL := build

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install the Debian packages that are missing; elsewhere, name them
	@hack/setup.sh $(ARCH)

$(ASSETS): $(ASSET_SOURCES)
	hack/assets.sh $(ARCH)

.PHONY: assets
assets: setup $(ASSETS) ## Build the helper programs and images that are embedded

.PHONY: build
build: assets ## Build bin/kubarium
	go build -ldflags '$(LDFLAGS)' -o bin/kubarium ./cmd/kubarium

.PHONY: cross
cross: assets ## Build bin/kubarium-ARCH for another architecture: make cross ARCH=arm64
	GOARCH=$(ARCH) go build -ldflags '$(LDFLAGS)' -o bin/kubarium-$(ARCH) ./cmd/kubarium

.PHONY: run
run: build ## Build, then start the cluster and the app
	bin/kubarium

.PHONY: vet
vet: assets ## Look for suspicious code
	@test -z "$$(gofmt -l assets cluster cmd docs hack lessons test ui)" || { gofmt -d assets cluster cmd docs hack lessons test ui; exit 1; }
	go vet ./...

.PHONY: test-unit
test-unit: assets ## Run the tests that need no cluster of their own
	@# What passed is cached: only the packages that failed are tested once more, see CONTRIBUTING.md.
	packages=$$(go list ./... | grep -v /test/); \
	go test -timeout 20m $$packages || { echo "UNSURE: what failed is tested once more" >&2; go test -timeout 20m $$packages; }

# Which of the lessons are played: all, or a part of them, such as 2/3.
LESSONS := all

# Runs up to ten tests that failed once more, and prints that they failed, see CONTRIBUTING.md.
GOTESTSUM := go run gotest.tools/gotestsum@v1.13.0 --format standard-verbose --rerun-fails=1 --rerun-fails-max-failures=10

.PHONY: test-e2e
test-e2e: build ## Run the tests against live clusters; LESSONS=2/3 plays a third of the lessons only
	KUBARIUM=$(CURDIR)/bin/kubarium LESSONS=$(LESSONS) $(GOTESTSUM) --packages ./test/... -- -count=1 -timeout 60m -parallel 4

.PHONY: test-lessons
test-lessons: build ## Play every lesson against a live cluster
	KUBARIUM=$(CURDIR)/bin/kubarium LESSONS=all go test -count=1 -timeout 60m -v -run '^TestLessons$$' ./test/e2e

.PHONY: test-long
test-long: build ## Run what takes long: twenty rounds of restarts, a hundred kills and holds, fifty stories, each fault, a soak
	LONG=yes hack/setup.sh
	LONG=yes RESTART_ROUNDS=20 go test -count=1 -timeout 60m -v -run '^TestRestartsLoseAndKeepNothing$$|^TestLong' ./cluster/controlplane
	KUBARIUM=$(CURDIR)/bin/kubarium LONG=yes FOLLOW_TIMES=50 go test -count=1 -timeout 180m -v -run '^TestLong|^TestFollow$$' ./test/e2e
	hack/vmtest.sh bin/kubarium
	hack/vmtest.sh bin/kubarium v1 small
	VM_KERNEL="security=selinux selinux=1 enforcing=1" hack/vmtest.sh bin/kubarium v2 small

FOCUS    :=
PARALLEL := 6

.PHONY: conformance
conformance: build ## Run upstream's conformance tests: FOCUS=EXPRESSION PARALLEL=NUMBER; some 40 minutes
	hack/conformance.sh -focus '$(FOCUS)' -parallel '$(PARALLEL)'

.PHONY: test
test: build vet test-unit test-e2e ## Do all the set-up, then run all tests

.PHONY: lint
lint: ## Run golangci-lint, built from its module; the first time takes some minutes
	GOFLAGS=-trimpath go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

.PHONY: vulns
vulns: build ## Compare the program's dependencies with the Go vulnerability database: VULNDB=DIRECTORY for a copy of it
	hack/vulns.sh bin/kubarium '$(VULNDB)'

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin assets/bin/*/images assets/bin/*/*.zst assets/bin/*/SHA256.json
