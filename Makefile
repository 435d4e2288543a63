# SPDX-License-Identifier: GPL-2.0-or-later
# The menu of tasks; `make help` prints it. Meson does the building, in build/ and build-*/.
BUILD  ?= build
PREFIX ?= /usr
PYTEST  = /usr/bin/python3 -B -m pytest -p no:cacheprovider
SOURCES = $(shell git ls-files -co --exclude-standard '*.c' '*.h')
.DEFAULT_GOAL := build
.PHONY: build help setup demo test check unit sim sim-soak model fuzz lab bench asan clang cover lint fmt install clean

build: $(BUILD)/build.ninja ## build everything into build/
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@scripts/setup
	@PREFIX=$(PREFIX) scripts/configure gcc $(BUILD)

help: ## this menu
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the packages that building and testing need
	@scripts/setup

demo: setup build ## a cluster with traffic in front of your eyes: power loss, cut cables, switches
	@/usr/bin/python3 -B tests/lab/demo.py

test: ## everything, as CI does it: builds, guards, unit, simulator, fuzz, lab
	@scripts/setup test
	@scripts/test

check: setup ## the fast part of it: build, guards, unit, simulator, fuzz regressions
	@scripts/test --fast

unit: build ## unit tests alone; T=NAME for one program
	@meson test -C $(BUILD) --print-errorlogs $(or $(T),--suite unit)

sim: build ## the simulator; SEED=n replays one seed with its trace
	@$(if $(SEED),$(BUILD)/tests/sim/sim --seed $(SEED) --trace,meson test -C $(BUILD) --print-errorlogs --suite sim)

sim-soak: build ## 20 000 seeds of the simulator, with statistics; SEEDS=a-b for others
	@$(BUILD)/tests/sim/sim --seeds $(or $(SEEDS),1-20000) --jobs $(or $(JOBS),$(shell nproc))

model: build ## the election's model, checked by spin; T=WORLD for one (tests/model/test_model.py)
	@$(if $(T),/usr/bin/python3 -B tests/model/test_model.py $(T),$(PYTEST) -q tests/model)

fuzz: setup ## libFuzzer: T=TARGET (default all), SECS=60 for each
	@scripts/fuzz '$(T)' '$(or $(SECS),60)'

lab: build ## the cluster tests in namespaces; T=WORD for those whose name has it
	@scripts/setup test
	@$(PYTEST) tests/lab $(if $(T),-k '$(T)')

vmtest: setup build ## the cluster in virtual machines: real bonds, carriers, pauses, clocks, systemd; T=WORD
	@scripts/setup vm
	@$(PYTEST) -q --no-header -s tests/vm $(if $(T),-k '$(T)')

bench: build ## against keepalived + conntrackd, writes docs/BENCHMARKS*.md; ROUNDS=20
	@scripts/setup bench
	@/usr/bin/python3 -B tests/bench/bench.py --rounds $(or $(ROUNDS),20) --write docs/BENCHMARKS.md
	@/usr/bin/python3 -B tests/bench/statesync.py --write docs/BENCHMARKS-STATESYNC.md
	@/usr/bin/python3 -B tests/bench/rules.py --write docs/BENCHMARKS-RULES.md

asan: setup ## unit, simulator and fuzz regressions under address and undefined-behaviour sanitizers
	@scripts/configure asan
	@ninja -C build-asan --quiet
	@meson test -C build-asan --print-errorlogs

clang: setup ## build with clang, warnings are errors there, too
	@scripts/configure clang
	@ninja -C build-clang --quiet

cover: setup ## line coverage of unit tests and simulator, into build-cover/meson-logs/coveragereport
	@command -v gcovr >/dev/null || scripts/setup cover
	@scripts/configure cover
	@ninja -C build-cover --quiet
	@meson test -C build-cover --quiet
	@ninja -C build-cover --quiet coverage-text coverage-html
	@tail -n 3 build-cover/meson-logs/coverage.txt

lint: build ## the guards: layers, purity, lengths, format
	@$(PYTEST) -q tests/guard

fmt: ## clang-format over all C sources
	@clang-format -i $(SOURCES)

install: build ## install; DESTDIR= PREFIX=/usr
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --quiet

clean: ## remove every build folder
	@rm -rf build build-*/
