# Every target does its own set-up; a fresh machine needs Node >= 20, npm and make.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The project runs on the Node that npm installs into node_modules, whatever the machine has.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: node_modules/.setup ## Install what the lock file names

node_modules/.setup: package.json package-lock.json .npmrc
	@command -v npm >/dev/null || { echo 'npm is missing: install Node.js 20 or newer with npm' >&2; exit 1; }
	npm ci --loglevel=error
	@touch $@

.PHONY: demo
demo: setup ## Sign an AWS SDK in with a projected token (BREAK=policy|key|audience shows a failure)
	@node test/demo/main.ts $(if $(BREAK),--break $(BREAK))

.PHONY: test
test: setup ## Check types and style and run every test; this is what CI runs
	@node test/levels.ts

.PHONY: unit
unit: setup ## Run the tests that need nothing but Node (under a minute)
	@vitest run

.PHONY: format
format: setup ## Format and mend what the linter can
	@biome check --write

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf node_modules dist coverage .cache
