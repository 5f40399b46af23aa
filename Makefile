# Every target does its own set-up, once. `make demo` is the quickest way to see Kelvin at work.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build demo test lint bench bench-check peers docs sanitize model clean

kelvin := .build/release/kelvin
libraries := $(filter-out KelvinCommands,$(notdir $(wildcard Sources/Kelvin*)))

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the command-line tool
	@swift build -c release --product kelvin

model: ## Fetch the demo model, SmolLM2-135M-Instruct (98 MB), once
	@scripts/fetch-model

demo: build ## One long prompt, answered with the full cache and with a fifth of it
	@scripts/demo

# Kernels without optimisation are too slow to test. Without testable imports, which nothing here uses, tests and tool
# are built the same way and share one build folder.
test: ## Run all tests; those that read the demo model skip themselves without it
	@swift test -c release --disable-testable-imports --disable-xctest

lint: ## Check format and house rules
	@swift format lint --strict -r -p Sources Tests Package.swift
	@scripts/check-house

bench: build ## Time prefill and decode, beside what this machine can do at most
	@model=$$(scripts/fetch-model) && $(kelvin) bench -m "$$model" -p 512 -n 64 -d 0,4096 -r 3 --roofline

bench-check: build ## Fail where a row is 5 % slower than accepted, or a step allocates more
	@Benchmarks/check

peers: build ## Time Kelvin against other engines on the same weights (installs or builds them the first time)
	@Benchmarks/peers/run

# Documentation is built in the debug folder that the plugin uses; a warning is an error.
docs: ## Build the documentation of every library target
	@for library in $(libraries); do \
	  echo "docs: $$library"; \
	  swift package generate-documentation --target $$library --warnings-as-errors || exit 1; \
	done

sanitize: ## Run all tests under the address sanitizer, laws, cache and engine under the thread sanitizer
	@scripts/sanitize address
	@scripts/sanitize thread '^(Laws|KelvinCacheTests|KelvinEngineTests)\.'

clean: ## Remove everything that was built here; the demo model stays
	@rm -rf .build .build-sanitize-* Benchmarks/peers/.build
