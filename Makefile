# Thin: meson and ninja do the work. `make help` lists what there is.

PREFIX ?= $(or $(prefix),/usr/local)
DESTDIR ?=
# Of every suite that draws numbers; printed, so that a failure can be replayed.
SEED ?= 1
# Time budget of the long suites (fuzz, conformance, soak), in minutes; each has its own default.
MINUTES ?=
SANITIZE ?= 0
# 1: make demo stays up.
KEEP ?=
# How often `make kill` kills; empty: 200.
ROUNDS ?=
# How many histories `make simulate` runs; empty: 10000. And `make replay`: 40.
SEEDS ?=
# How long `make fuzz` runs each target, in seconds; empty: its share of MINUTES, else 60.
FUZZ_SECONDS ?=
# Names of single tests, as in `make test TESTS="yaml model"`.
TESTS ?=

build := build/main
program := $(build)/model-booster

export MB_SEED := $(SEED)
export MB_BUDGET_MINUTES := $(MINUTES)
export FUZZ_SECONDS
export MODEL_BOOSTER := $(CURDIR)/$(program)

.DEFAULT_GOAL := all
.PHONY: all packages test demo bench clients kill conformance differential fuzz mutation torture valgrind tsan coverage simulate replay observability endurance soak \
        install clean help

all: packages $(build)/build.ninja ## install missing packages (Debian, Ubuntu) and build build/main/model-booster
	@ninja -C $(build) --quiet
	@echo "built $(program)"

packages:
	@scripts/install-packages.sh

$(build)/build.ninja:
	@meson setup $(build) --prefix "$(PREFIX)" >$(build).log 2>&1 || { cat $(build).log >&2; exit 1; }

$(build)/build.ninja: | build
build:
	@mkdir -p build

test: all ## unit tests under sanitizers, layer checks, command line; SANITIZE=1: the whole suite under sanitizers
	@python3 tests/run.py $(if $(filter 1,$(SANITIZE)),--sanitize) $(TESTS)

demo: all ## two models live, one breaks, both go, on an API server of this program's own; KEEP=1 stays up
	@KEEP=$(KEEP) python3 scripts/demo.py

bench: all ## figures against their bounds, as ratios from one run
	@ninja -C $(build) --quiet tests/bench/bench_render tests/bench/bench_server tests/bench/load
	@tests/bench/run.sh

conformance: all ## against the embedded API server, and a real etcd, kube-apiserver and kube-controller-manager (first run builds them: 10 minutes)
	@tests/conformance/run.sh

clients: all ## kubectl, helm, client-go, controller-runtime and the Python client against the embedded API server
	@MB_NO_SERVERS=1 tests/conformance/setup.sh
	@python3 tests/clients/run.py

differential: all ## the same requests to the embedded API server and to kube-apiserver, answers compared
	@tests/differential/run.sh

observability: all ## alert rules, and what /metrics prints, checked with Prometheus' promtool, taken from its package (5 s)
	@tests/observability/run.sh

.PHONY: hostile
hostile: all ## the controller against API servers and proxies that mean harm, under ceilings of memory (1 minute); MINUTES=
	@python3 tests/hostile/run.py

kill: all ## the embedded API server killed under load, ROUNDS (200) times, and again with a short history
	@tests/kill/run.sh 25 --history-revisions 300
	@tests/kill/run.sh $(or $(ROUNDS),200)

fuzz: ## libFuzzer on everything that comes from outside, a minute each; FUZZ_SECONDS= of each or MINUTES= in all, SEED=
	@scripts/install-packages.sh clang libclang-rt-dev
	@tests/fuzz/run.py

mutation: all ## mistakes made on purpose, one at a time: a test must see each; MINUTES=, SEED=
	@scripts/install-packages.sh patch
	@python3 tests/mutation/run.py

torture: all ## the unit tests with memory running out at one allocation after another; MINUTES=, SEED=
	@python3 tests/torture/run.py

valgrind: all ## unit tests of the pure layers, controller and storage under memcheck; MINUTES=, SEED=
	@scripts/install-packages.sh valgrind libc6-dbg
	@python3 tests/memcheck/run.py

tsan: all ## what has threads under ThreadSanitizer, and standalone under load; MINUTES=
	@python3 tests/races/run.py

coverage: all ## lines and branches of base, data, booster and kube that tests run through, against their bounds
	@scripts/install-packages.sh gcovr
	@python3 tests/coverage/run.py

replay: all ## simulated histories asked of the embedded API server and of kube-apiserver: does the model answer as they do? SEEDS= (40)
	@SEEDS=$(SEEDS) tests/simulation/replay.sh

simulate: all ## SEEDS (10,000) histories of the whole controller in virtual time, from SEED on; MINUTES=
	@SEEDS=$(SEEDS) tests/simulation/run.sh

endurance: all ## churn over 2,000 models on kube-apiserver with cuts and restarts: nothing lost, stuck or leaked; MINUTES (10)
	@tests/conformance/endurance.sh

soak: all ## rounds of simulation, fuzzing, torture, kills (1,000), conformance and endurance (an hour), a new seed each, until MINUTES (60) are over
	@scripts/install-packages.sh clang libclang-rt-dev
	@tests/soak.sh

install: all ## with DESTDIR= and PREFIX= (/usr/local)
	@meson setup --reconfigure $(build) --prefix "$(PREFIX)" >/dev/null
	@ninja -C $(build) --quiet
	@DESTDIR="$(if $(DESTDIR),$(abspath $(DESTDIR)))" meson install -C $(build) --no-rebuild --quiet
	@echo "installed under $(DESTDIR)$(PREFIX)"

clean: ## remove what was built; what conformance has fetched stays in build/conformance
	@rm -rf build/main build/main.log build/test build/test.log build/fuzz build/fuzz.log build/mutation build/tsan build/tsan.log build/coverage build/coverage.log build/memcheck build/memcheck.log build/install

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
