# Edgekeep's commands. Each sets up what it needs: `make run` on a fresh machine asks for bash, make and npm (or Deno).
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

DENO_VERSION := 2.9.6
export PATH := $(CURDIR)/.tools/bin:$(PATH)
export DENO_NO_UPDATE_CHECK := 1

DEPENDENCIES := node_modules/.installed
UI := static/app.js
# the program with the flags that an executable has compiled in, as `deno task edgekeep` runs it; not through the task,
# which would hand a Ctrl-C on a second time, and a second one means "at once"
EDGEKEEP = $(shell sed -n 's/^ *"edgekeep": "\(deno run .*\)",\?$$/\1/p' deno.json)
TEST_FLAGS := --allow-all --no-check
# what `make test FILES=…` runs: test files or folders; each room by its name, since of `src` alone Deno would take
# nothing but the workspace member in it, `src/ui`
FILES := $(sort $(wildcard src/*_test.ts src/*/)) tests

##@ Use
run: $(UI) ## start the demo: a simulated field, the gateway and its web page, all on this machine
	@exec $(EDGEKEEP) demo

##@ Develop
test: $(UI) ## run every test that this machine can run (FILES=… for some)
	deno test $(TEST_FLAGS) $(JUNIT) $(FILES)

check: $(UI) ## formatting, lint, types, import graph, documentation
	deno fmt --check --quiet
	deno lint --quiet
	deno check --quiet
	deno test $(TEST_FLAGS) --quiet tests/architecture

bench: $(UI) ## measure the figures of the README (ARGS=--full for the big file)
	deno task --quiet bench $(ARGS)

fmt: deno ## format every file
	deno fmt --quiet

##@ Deliver
dist: $(UI) ## compile the executables into dist/, with checksums and bill of materials
	deno run --allow-all packaging/dist.ts

clean: ## remove what was built, the fetched tools and the demo's data
	rm -rf dist .demo .tools node_modules static/app.js static/shared.js static/shared_late.js static/shared_hub.js static/lists.js static/late.js static/hub.js static/de_faults.js static/inter.woff2 static/inter-license.txt

help: ## list the commands
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# asked at each run, since the Deno on the PATH can change; takes a hundredth of a second
deno:
	@packaging/get_deno.sh $(DENO_VERSION)

$(DEPENDENCIES): deno.json deno.lock $(wildcard src/*/deno.json) | deno
	deno install --quiet --frozen
	@touch $@

$(UI): $(shell find src/ui -type f 2>/dev/null) deno.json $(DEPENDENCIES)
	deno task --quiet build:ui

.PHONY: run test check bench fmt dist clean help deno
