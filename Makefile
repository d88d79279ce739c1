# Every target does its own set-up; a fresh machine needs Node >= 20, npm and make, and Go >= 1.26 for the tests.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The project runs on the Node that npm installs into node_modules, whatever the machine has.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
unit: setup ## Run the tests that need nothing but Node
	@vitest run

.PHONY: cluster
cluster: setup ## Start a real Kubernetes without Docker and leave it up (root, Go; some minutes the first time)
	@node test/cluster/main.ts up

.PHONY: cluster-image
cluster-image: image ## Build the image and give it to the cluster that is up
	@node test/cluster/main.ts load dist/image.tar

.PHONY: cluster-down
cluster-down: setup ## End the cluster and remove all that it made
	@node test/cluster/main.ts down

.PHONY: bundle
bundle: setup ## Bundle each process to one file in dist/
	@node image/main.ts

.PHONY: image
image: bundle ## Build the image without Docker: dist/image.tar, of this machine's Node (root, buildah)
	@node test/image/main.ts

.PHONY: docker
docker: bundle ## Build the image with Docker: token-projector:<version>
	@command -v docker >/dev/null || { echo 'docker is missing: https://docs.docker.com/get-docker, or: make image' >&2; exit 1; }
	@version=$$(node --print 'require("./package.json").version') && \
		docker build --build-arg VERSION=$$version --tag token-projector:$$version .

.PHONY: kind
kind: docker ## Start a cluster with Docker and kind and give it the image
	@command -v kind >/dev/null || { echo 'kind is missing: https://kind.sigs.k8s.io' >&2; exit 1; }
	@kind get clusters --quiet | grep -qx token-projector || kind create cluster --config kind-config.yaml
	@version=$$(node --print 'require("./package.json").version') && \
		kind load docker-image token-projector:$$version --name token-projector

.PHONY: format
format: setup ## Format and mend what the linter can
	@biome check --write

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf node_modules dist coverage .cache
