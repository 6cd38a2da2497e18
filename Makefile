# The only entry point for people and CI. `make` lists the targets.
# Logic is in Rust tests, programs and the few scripts used here.

CARGO  ?= cargo
PREFIX ?= /usr/local
TOOLS  := resolve mint-token cloudinit-render image-publish pve-apply
# make test T=unknown-preset: only tests whose name contains it
T      ?=

.PHONY: help build release test check fmt snapshots docs demo bench test-cloudinit test-live install clean ci

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

build: ## all tools, debug
	$(CARGO) build --workspace --locked

release: ## all tools, optimised and stripped
	$(CARGO) build --workspace --locked --release

test: ## build and run every test
	$(CARGO) test --workspace --locked --no-fail-fast -- $(T)

# These tests only read files, so they do not need the tools.
check: ## formatting, lints, house rules
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) test --package test-support --locked --test tidy --test docs --test language

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

test-cloudinit: build ## rendered data against the real cloud-init of Debian 12 and 13
	sh tests/cloudinit/check.sh

test-live: build ## the whole life of one VM on your node: PVE_ENDPOINT, PVE_NODE, PVE_API_TOKEN
	PATH="$(CURDIR)/target/debug:$$PATH" sh examples/live.sh

install: release ## binaries, man pages, schemas; DESTDIR and PREFIX are respected
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/pve-pipeline
	install $(TOOLS:%=target/release/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	cp -R schemas completions pipeline.mk $(DESTDIR)$(PREFIX)/share/pve-pipeline

# The pipe itself, with the tools of this build: make plan ENV=dev NODE=pve1 SITE=…
include pipeline.mk
plan apply apply-all destroy status roundtrip: export PATH := $(CURDIR)/target/debug:$(PATH)
# Without the output of `build`: `make plan >plan.txt` has only the plan.
plan apply apply-all destroy status roundtrip: quiet-build
.PHONY: quiet-build
quiet-build:
	@$(CARGO) build --workspace --locked --quiet

clean: ## remove build output
	$(CARGO) clean

ci: check test ## what CI runs
