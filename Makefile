# The only entry point for people and CI. `make` lists the targets.
# Logic is in Rust tests, programs and the few scripts used here.

CARGO  ?= cargo
PREFIX ?= /usr/local
TOOLS  := resolve mint-token cloudinit-render image-publish pve-apply
# make test T=unknown-preset: only tests whose name contains it
T      ?=
# Most tests wait for a simulated PVE, so more of them run at once than there are cores.
THREADS ?= $(shell echo $$((4 * $$(getconf _NPROCESSORS_ONLN))))

# Which build `install` and `deb` take: release or debug
PROFILE ?= release
BUILT   := $(TOOLS:%=target/$(PROFILE)/%)

.PHONY: help build release test check fmt snapshots docs demo bench mutants sweeps fuzz test-peers test-cloudinit test-guest test-live record install uninstall size deny deb test-deb dist clean ci

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

# With the examples cargo builds all with the features that tests need too, so `test` builds nothing twice.
BUILD := $(CARGO) build --workspace --bins --examples --locked

build: ## all tools, debug
	$(BUILD)

# A release says which commit it was built from.
release dist: export PVE_PIPELINE_VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)$(shell git describe --always --dirty --abbrev=10 2>/dev/null | sed 's/.*/ (&)/')
release: ## all tools, optimised and stripped
	$(CARGO) build --workspace --locked --release
	@$(MAKE) --no-print-directory size

# In KiB. Why so small, and what to do about it: docs/decisions/0008-small-programs.md
SIZE := 4096

size: $(BUILT) ## fails if a tool of `make release` is larger than 4 MiB
	@for tool in $(BUILT); do \
	    kib=$$((($$(wc -c <$$tool) + 1023) / 1024)); echo "$$tool: $$kib KiB"; \
	    [ $$kib -le $(SIZE) ] || { echo "$$tool is larger than $(SIZE) KiB" >&2; big=1; }; \
	done; [ -z "$$big" ]

test: ## build and run every test
	$(CARGO) test --workspace --locked --no-fail-fast -- --test-threads=$(THREADS) $(T)

# `--workspace`, not the package: with its features alone half of the dependencies would be built again.
check: ## formatting, lints, house rules
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) test --workspace --locked --test tidy --test docs --test language
	CARGO="$(CARGO)" sh packaging/deny.sh

deny: ## dependencies: vulnerabilities, licences, bans, sources; a check that is impossible here is a failure
	CARGO="$(CARGO)" sh packaging/deny.sh required

fmt: ## format the code
	$(CARGO) fmt --all

snapshots: ## write the cases' actual output instead of comparing; review the diff
	UPDATE=1 $(CARGO) test --workspace --locked --no-fail-fast -- $(T)

docs: ## regenerate man pages and completions (committed)
	UPDATE=1 $(CARGO) test --workspace --locked --test generated

demo: build ## the whole pipe against a simulated PVE, on examples/site
	target/debug/pve-sim --world examples/networks/world.json --task-ms 300 -- sh examples/demo.sh

bench: release ## speed and memory, as counts and ratios, against their limits
	target/release/bench

# make mutants M=token: only those whose names contain it
M      ?=
mutants: build ## dangerous changes of the code, which tests must notice: tests/mutants/deadly.toml
	CARGO="$(CARGO)" target/debug/mutants $(M)

test-peers: test-cloudinit ## what other programs say of our output: docs/testing.md lists them
	$(CARGO) test --workspace --locked --no-fail-fast -- peer_

test-cloudinit: build ## rendered data against the real cloud-init of Debian 12, 13 and sid
	sh tests/cloudinit/check.sh

sweeps: build ## all faults and cuts at all requests, all pairs of runs: hours; `make test` tries a selection of them
	FAULTS=all CUTS=all PAIRS=all $(CARGO) test --workspace --locked --no-fail-fast \
	    --test sweeps --test network_faults --test pairs -- --nocapture

# `make test` replays what it has found before.
SECONDS ?= 600
fuzz: ## one fuzz target: TARGET=qcow2 SECONDS=600; KEEP=1 makes the best inputs its corpus
	@CARGO="$(CARGO)" sh tests/fuzz/run.sh "$(TARGET)" "$(SECONDS)" "$(KEEP)"

# Debian's name of the guest's release: trixie or bookworm
SUITE ?= trixie

test-guest: build target/guest/$(SUITE)/disk.img ## a guest boots under QEMU with our seeds (SUITE=trixie); needs root once, to make its image
	python3 tests/guest/check.py $(SUITE)

target/guest/%/disk.img: tests/guest/image.sh tests/guest/customize.sh
	sh tests/guest/image.sh $* $(@D)

test-live: build ## the whole life of a VM, a network and a clone on your node: PVE_ENDPOINT, PVE_NODE, PVE_API_TOKEN
	PATH="$(CURDIR)/target/debug:$$PATH" sh examples/live.sh

record: ## a node's answers to the requests of tests/answers, as data; RECORD=--help lists the options, --yes does it
	$(CARGO) run --quiet --package test-support --bin record --locked -- $(RECORD)

SHARE    = $(DESTDIR)$(PREFIX)/share
DATA     = $(SHARE)/pve-pipeline
# Where bash, zsh and fish look for completions
BASH_DIR = $(SHARE)/bash-completion/completions
ZSH_DIR  = $(SHARE)/zsh/site-functions
FISH_DIR = $(SHARE)/fish/vendor_completions.d

# Runs no cargo: as root it would build with another toolchain, or leave root's files in target/.
install: $(BUILT) ## what `make release` built: programs, man pages, completions, schemas; DESTDIR and PREFIX are respected
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man1 $(BASH_DIR) $(ZSH_DIR) $(FISH_DIR) $(DATA)/schemas
	install $(BUILT) $(DESTDIR)$(PREFIX)/bin
	install -m 644 man/*.1 $(SHARE)/man/man1
	install -m 644 schemas/*.json $(DATA)/schemas
	install -m 644 pipeline.mk $(DATA)
	for tool in $(TOOLS); do \
	    install -m 644 completions/$$tool.bash $(BASH_DIR)/$$tool && \
	    install -m 644 completions/_$$tool $(ZSH_DIR) && \
	    install -m 644 completions/$$tool.fish $(FISH_DIR) || exit 1; \
	done

$(BUILT):
	@echo "$@ does not exist: run \`make $(if $(filter debug,$(PROFILE)),build,release)\` first, as yourself" >&2; exit 1

uninstall: ## what `make install` installed
	cd $(DESTDIR)$(PREFIX)/bin && rm -f $(TOOLS)
	cd $(SHARE)/man/man1 && rm -f $(notdir $(wildcard man/*.1))
	cd $(BASH_DIR) && rm -f $(TOOLS)
	cd $(ZSH_DIR) && rm -f $(TOOLS:%=_%)
	cd $(FISH_DIR) && rm -f $(TOOLS:%=%.fish)
	rm -rf $(DATA)

deb: $(BUILT) ## a Debian package of what `make release` built, in target/deb
	sh packaging/deb.sh $(PROFILE)

dist: ## static programs for x86_64, SBOMs and checksums, in target/dist
	CARGO="$(CARGO)" TARGET="$(TARGET)" TOOLS="$(TOOLS)" sh packaging/dist.sh

test-deb: deb ## the package, installed into an empty root and removed again; needs root
	sh packaging/test-deb.sh

# The pipe itself, with the tools of this build: make plan ENV=dev NODE=pve1 SITE=…
include pipeline.mk
plan apply apply-all destroy status roundtrip: export PATH := $(CURDIR)/target/debug:$(PATH)
# Without the output of `build`: `make plan >plan.txt` has only the plan.
plan apply apply-all destroy status roundtrip: quiet-build
.PHONY: quiet-build
quiet-build:
	@$(BUILD) --quiet

clean: ## remove build output
	$(CARGO) clean

ci: check test ## what CI runs
