# Verbs of this repository. Each does its own set-up; `make help` lists them.
GO ?= go
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help

include images/Makefile

help: ## list the verbs
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

build: $(SLIPWAY) ## build bin/slipway

setup: ## install the Debian packages that tests and the demo need
	@$(GO) run ./internal/setup

demo: setup ## release the example repository: version, packages, tag; run it twice to see the next version
	@$(GO) run ./internal/demo

demo-promote: setup ## promote two images on evidence and approval, and see what stops a third; cosign is compiled the first time (three minutes)
	@$(GO) run ./internal/demo/promote

demo-chatops: setup ## promote two disks by comments, and see who is refused, what stops them, and what is recorded
	@$(GO) run ./internal/demo/chatops

demo-os: ## take an operating system from its packages to stable: image, disk, boot test, openQA
	@$(GO) run ./internal/setup --os
	@$(GO) run ./internal/demo/os

test: setup ## all tests that must pass before a merge
	$(GO) vet ./...
	$(GO) test -timeout 60m -run TestInstall ./internal/store/storetest/server
	$(GO) test -timeout 60m -run TestKinds ./internal/testkit/registry
	$(GO) test -timeout 20m ./...
	$(GO) run ./internal/fuzz --time 2s

e2e-docs: setup ## run every command that the pages of docs/ show
	SLIPWAY_E2E=docs $(GO) test -count=1 -timeout 60m -v ./internal/docs

e2e-images: setup ## build every job image twice, in two places, and compare
	SLIPWAY_E2E=images $(GO) test -count=1 -timeout 60m -run TestSameImageEverywhere -v ./images

e2e-kubernetes: ## run jobs on a real Kubernetes node, which is compiled the first time (ten minutes)
	@$(GO) run ./internal/setup --kubernetes
	SLIPWAY_E2E=kubernetes $(GO) test -p 1 -count=1 -timeout 60m -run '^(TestKubernetes|TestNodeRunsAPod)$$' ./internal/testkit/cluster ./prow/local

e2e-prow: setup ## a promotion with Prow's own hook and a real API server, Prow's programs by our manifests, flows in real pods; compiles them the first time (ten minutes)
	SLIPWAY_E2E=prow $(GO) test -count=1 -timeout 60m -run '^TestControlPlane$$' ./internal/testkit/cluster
	SLIPWAY_E2E=prow $(GO) test -p 1 -count=1 -timeout 60m ./prow/e2e ./prow/flowcmd ./prow/deploy/...

e2e-promotion: setup ## other people's tools read what promotion writes, and more rounds of faults; compiles cosign the first time (three minutes)
	SLIPWAY_E2E=promotion $(GO) test -p 1 -count=1 -timeout 60m ./internal/testkit/tools ./internal/command/promotecmd ./internal/oci ./internal/demo/promote

e2e-os: ## guests in earnest: full boots by UEFI and BIOS, LXD and podman, a real openQA
	@$(GO) run ./internal/setup --os
	SLIPWAY_E2E=os $(GO) test -p 1 -count=1 -timeout 60m -run '^Test(ContractOfReal|RealOpenQA|DebianFirmwares|Upgrade|Slots|OtherRuntimes|LXDChanged)$$' \
		./internal/testkit/openqa ./internal/command/openqacmd ./internal/command/vmcmd ./internal/disk ./internal/container

fuzz: ## every fuzz target for a minute each
	$(GO) run ./internal/fuzz --time 1m

bench: ## measure against peers and print the tables of bench/RESULTS.md
	@$(GO) run ./internal/setup --bench
	$(GO) test -run '^$$' -bench . -benchtime 5x -timeout 60m ./bench/

lint: ## golangci-lint with .golangci.yml
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run

docs: ## write the command-line reference again
	$(GO) test ./cmd/slipway -run TestReference -update

clean: ## remove what the verbs built here; caches stay
	rm -rf bin out

.PHONY: help build setup demo demo-promote demo-chatops demo-os test e2e-docs e2e-images e2e-kubernetes e2e-os e2e-prow e2e-promotion fuzz bench lint docs clean
