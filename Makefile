# Verbs of this repository. Each does its own set-up; `make help` lists them.
GO ?= go
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help

help: ## list the verbs
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

build: ## build bin/slipway and the job binaries
	$(GO) build -trimpath -o bin/ ./cmd/slipway ./images/...

setup: ## install the Debian packages that tests and the demo need
	@$(GO) run ./internal/setup

demo: setup ## release the example repository: version, packages, tag; run it twice to see the next version
	@$(GO) run ./internal/demo

test: setup ## all tests that must pass before a merge
	$(GO) vet ./...
	$(GO) test -timeout 60m -run TestInstall ./internal/store/storetest/server
	$(GO) test -timeout 20m ./...
	$(GO) run ./internal/fuzz --time 2s

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

include images/Makefile

.PHONY: help build setup demo test fuzz bench lint docs clean
