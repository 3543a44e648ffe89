# `make` alone lists what there is to make. Everything is pure Go, so cgo is off, except for the race
# detector, which needs it.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export CGO_ENABLED ?= 0

GO      ?= go
TOOL    := $(GO) tool -modfile=scripts/tools/go.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# How long `make test` and `make sim` look for a seed that breaks the protocol, in seconds, and how long each
# fuzz target runs.
SIM_SECONDS  ?= 60
FUZZ_TIME    ?= 10s
HOSTILE_TIME ?= 60s
LINEAR_CALLS ?= 100000
FAILOVERS    ?= 50
PLUGINS      ?=
# How long `make chaos` breaks a cluster, the page it leaves, and what else it is told, such as --seed 7.
CHAOS_TIME   ?= 3m
CHAOS_REPORT ?= bin/chaos.html
CHAOS_FLAGS  ?=
# A package that runs longer than this hangs.
TEST_TIMEOUT ?= 12m
E2E          := ./cluster/e2e

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

.PHONY: build
build: ## compile everything, and the program to bin/meridian
	$(GO) build ./...
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/ ./cmd/meridian

.PHONY: test
test: ## all tests, SIM_SECONDS of simulation and the end-to-end tests: at most ten minutes
	MERIDIAN_SIM_SECONDS=$(SIM_SECONDS) $(GO) test -timeout $(TEST_TIMEOUT) $$($(GO) list ./... | grep -v '/cluster/e2e$$')
	$(MAKE) --no-print-directory e2e

.PHONY: e2e
e2e: ## the end-to-end tests alone: real processes on loopback, killed, cut off and started again
	$(GO) test -timeout $(TEST_TIMEOUT) $(E2E)

.PHONY: race
race: ## all tests under the race detector (needs a C compiler, slow)
	CGO_ENABLED=1 $(GO) test -race -timeout 30m ./...

.PHONY: sim
sim: ## SIM_SECONDS of simulated seeds of the cross-Region protocol
	MERIDIAN_SIM_SECONDS=$(SIM_SECONDS) $(GO) test -count=1 -v -run '^TestSeeds$$' -timeout 0 ./cluster/sim

.PHONY: scenarios
scenarios: ## every scenario of the library in all three worlds; prints which ran where: some minutes
	MERIDIAN_SCENARIOS=all $(GO) test -count=1 -v -run '^(TestLibraryInTheSimulation|TestInThisProcess)$$' -timeout 20m ./cluster/scenario
	MERIDIAN_SCENARIOS=all $(GO) test -count=1 -v -run '^TestScenarios$$' -timeout 20m $(E2E)

.PHONY: terraform
terraform: ## the life of keys under Terraform (PLUGINS: a folder that mirrors hashicorp/aws): minutes
	MERIDIAN_TERRAFORM_PLUGINS=$(PLUGINS) $(GO) test -count=1 -v -run '^TestTerraform$$' -timeout 40m $(E2E)

.PHONY: linear
linear: ## LINEAR_CALLS strong calls through leader kills, pauses, cuts and nodes that come and go, judged with porcupine
	MERIDIAN_LINEAR_CALLS=$(LINEAR_CALLS) $(GO) test -count=1 -v -run '^TestLinearizable$$' -timeout 0 $(E2E)

.PHONY: failover
failover: ## FAILOVERS times kill -9 of a leader: how long nobody leads, and no write can be made
	MERIDIAN_FAILOVERS=$(FAILOVERS) $(GO) test -count=1 -v -run '^TestFailover$$' -timeout 0 $(E2E)

.PHONY: powerloss
powerloss: ## 500 histories of power losses in virtual time, twice, and 900 damaged files: about 35 minutes
	MERIDIAN_CRASH_SEEDS=500 $(GO) test -count=1 -v -run '^TestPowerLoss' -timeout 0 ./eventlog/raftlog
	MERIDIAN_CRASH_SEEDS=900 $(GO) test -count=1 -v -run '^TestDamage$$' -timeout 0 ./eventlog/raftlog

.PHONY: snapshots
snapshots: ## time, size and memory of snapshots of 10^4, 10^5 and 10^6 keys: ten minutes of a core, 10 GB of disk (MERIDIAN_SNAPSHOT_KEEP: a folder for the last one)
	MERIDIAN_SNAPSHOT_KEYS=10000,100000,1000000 $(GO) test -count=1 -v -run '^TestSizes$$' -timeout 0 ./region

.PHONY: powerloss-real
powerloss-real: ## 50 power losses of a node on a file system of its own (Linux, root)
	MERIDIAN_POWER_LOSSES=50 $(GO) test -count=1 -v -run '^TestRealPowerLoss$$' -timeout 0 $(E2E)

.PHONY: mutants
mutants: ## every planted fault of the protocol must be found by the simulation
	MERIDIAN_SIM_SECONDS=1 $(GO) test -tags mutants -timeout 30m ./cluster/sim ./keyengine/family

.PHONY: levels
levels: ## the tests of feature levels by a program that knows one level more
	$(GO) test -tags nextlevel -run 'Level' ./eventlog/codec ./replication ./region

.PHONY: fuzz
fuzz: ## FUZZ_TIME for every fuzz target
	scripts/fuzz.sh $(FUZZ_TIME)

.PHONY: hostile
hostile: ## HOSTILE_TIME of hostile requests, drawn from a seed that is printed, against a whole Region
	MERIDIAN_HOSTILE=$(HOSTILE_TIME) $(GO) test -count=1 -v -timeout 0 -run '^TestHostileMixtures$$' ./region

.PHONY: chaos
chaos: build ## CHAOS_TIME of faults on a cluster under load, judged; leaves the page CHAOS_REPORT
	bin/meridian chaos --for $(CHAOS_TIME) --report $(CHAOS_REPORT) --history bin/chaos.jsonl $(CHAOS_FLAGS)

.PHONY: bench
bench: ## all benchmarks, six times, to compare with benchstat
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./...

.PHONY: cover
cover: ## statement coverage, with a page in coverage/index.html
	mkdir -p coverage
	$(GO) test -coverpkg=./... -coverprofile=coverage/all.out $$($(GO) list ./... | grep -v '/cluster/e2e$$')
	$(GO) tool cover -html=coverage/all.out -o coverage/index.html
	$(GO) tool cover -func=coverage/all.out | tail -n 1

.PHONY: generate
generate: ## write the generated files again
	$(GO) generate ./...

.PHONY: format
format: ## format all Go files
	$(TOOL) gofumpt -l -w .

.PHONY: lint
lint: ## formatting, vet, staticcheck, outdated idioms, the floors
	scripts/unformatted.sh
	$(GO) vet ./...
	$(GO) vet -tags mutants ./...
	$(TOOL) staticcheck ./...
	$(GO) fix -diff ./...
	$(GO) test -count=1 ./scripts/archtest

.PHONY: tidy
tidy: ## go.mod and go.sum say what the code needs, no more and no less
	$(GO) mod tidy -diff
	$(GO) mod verify

# `make check TESTED=1` leaves out the tests, for who has just run them.
.PHONY: check
check: lint tidy ## everything that must hold before a change goes in: lint, generated files, tests, mutants, fuzz
	scripts/unchanged.sh $(MAKE) --no-print-directory generate
	$(if $(TESTED),,$(MAKE) --no-print-directory test)
	$(MAKE) --no-print-directory mutants
	$(MAKE) --no-print-directory levels
	$(MAKE) --no-print-directory fuzz

.PHONY: clean
clean: ## remove what was built here; a cluster's data in .meridian stays
	rm -rf bin coverage
