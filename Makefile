# Two commands matter: `make demo` shows the whole path on this machine, `make test` proves it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.PHONY: help
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

.PHONY: setup
setup: ## .venv with everything (uv from PyPI if it is missing)
	@./setup.sh python

.PHONY: setup-test
setup-test: setup ## what the tests need beyond that: Debian packages by apt, npm packages from the lock file
	@./setup.sh programs npm

.PHONY: demo
demo: setup ## two real commits down the whole path: one reaches 100%, one is rolled back (under 3 minutes)
	@$(PYTHON) examples/demo/run.py

.PHONY: test
test: setup-test ## everything that runs without a cluster or a browser; names each lane it skips, and why
	@$(PYTHON) tests/lanes.py test

.PHONY: test-cluster
test-cluster: setup ## the Kubernetes adapters against a real API server (built once from Go modules, in .cache)
	@$(PYTHON) tests/lanes.py cluster

.PHONY: test-sinks
test-sinks: setup ## records sent to a real MLflow server and OpenTelemetry collector (got once, in .cache)
	@$(PYTHON) tests/lanes.py sinks

.PHONY: test-hostile
test-hostile: setup-test ## every hostile string through every input of every script, action and workflow (an hour)
	@$(PYTHON) tests/lanes.py hostile

.PHONY: fuzz
fuzz: setup ## coverage-guided fuzzing of every reader of outside text (SECONDS=300)
	@$(PYTHON) tests/fuzz/fuzz.py --seconds $(or $(SECONDS),300)

.PHONY: fail-closed
fail-closed: setup-test bench-fail_closed ## every gate against everything that can be missing, as a table

.PHONY: coverage
coverage: setup-test ## branch coverage of the library by the unit and integration lanes
	@$(PYTHON) tests/coverage_report.py

.PHONY: mutation
mutation: setup-test ## a sampled mutation score of the deciding rooms, with its interval
	@$(PYTHON) tests/mutation.py

.PHONY: test-browser
test-browser: setup-test ## pages and the end-to-end gate in real Chromium
	@./setup.sh browser
	@$(PYTHON) tests/lanes.py browser

.PHONY: lint
lint: setup-test ## the lint lane alone
	@$(PYTHON) tests/lanes.py test --only lint

.PHONY: schema
schema: setup ## write the JSON Schemas under docs/schema/
	@$(PYTHON) docs/schema/generate.py

# One command a headline figure, the peer measured in the same run. A new one is one more name here.
BENCHES := startup overhead selection selection_size shards risk rollout rollout_survival rollout_live scoring readers evals learning concurrency gates ledger fail_closed

.PHONY: bench $(BENCHES:%=bench-%)
bench: $(BENCHES:%=bench-%) ## every headline figure beside its peer (or one: make bench-rollout)

$(BENCHES:%=bench-%): bench-%: setup
	@$(PYTHON) bench/$*.py

.PHONY: gallery
gallery: setup ## draw the pictures of docs/gallery.md anew (after make demo)
	@./setup.sh browser
	@$(PYTHON) docs/gallery/make.py

.PHONY: requirements
requirements: setup ## compile the hashed requirement files anew (after a change in pyproject.toml)
	@requirements/compile.sh

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf .venv .cache out tests/node_modules evals/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
