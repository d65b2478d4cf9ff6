# GNU make 3.81 (macOS) is enough. Every step is skipped when it is up to date.
VENV := .venv
PY := $(VENV)/bin/python
COMPILE := $(PY) -m uv --quiet pip compile --universal --python-version 3.11 --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help run run-cluster setup dev browser-files test coverage test-faults soak bench lint format lock clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.requirements browser-files ## Set up what is missing, then start everything (Ctrl-C stops it)
	@exec $(PY) -m scripts.serve

run-cluster: dev ## The same on PostgreSQL, Valkey and two nodes behind a proxy
	@exec $(PY) -m scripts.cluster

setup: $(VENV)/.requirements browser-files ## Set up what is missing, and start nothing
	@$(PY) -m scripts.prepare

test: dev ## Set up what is missing, then run every test
	@$(PY) -m scripts.browsers
	@$(PY) -m scripts.nginx
	@$(PY) -m scripts.conformance
	@$(PY) -m scripts.run_tests

coverage: dev ## Count what the tests cover; at least 95 % it must be
	@$(PY) -m scripts.conformance
	@$(PY) -m scripts.run_tests --coverage

test-faults: dev ## Break everything under load, three times over (some ten minutes)
	@$(PY) -m tests.faults

soak: dev ## Half an hour of mixed use, and what it leaves behind
	@$(PY) -m tests.faults.soak

bench: dev ## Measure streaming beside two relays, and draw docs/performance.md anew (half an hour)
	@$(PY) -m bench.streams

lint: dev ## Check style and types
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy

format: dev ## Bring the code into the one style
	@$(PY) -m ruff check --fix --quiet
	@$(PY) -m ruff format

lock: dev ## Pin what the .in files name
	@$(COMPILE) requirements.in -o requirements.txt
	@$(COMPILE) requirements-dev.in -o requirements-dev.txt

clean: ## Remove what set-up made, but never instance/
	rm -rf $(VENV) app/static/vendor

dev: $(VENV)/.requirements $(VENV)/.requirements-dev browser-files

browser-files: $(VENV)/.requirements
	@$(PY) -m scripts.browser_files

$(PY):
	@PYTHON="$(PYTHON)" sh scripts/make_venv.sh $(VENV)

# Order-only: the interpreter's own date says nothing about what is installed.
$(VENV)/.requirements: requirements.txt | $(PY)
	@sh scripts/install.sh $(PY) requirements.txt
	@touch $@

$(VENV)/.requirements-dev: requirements-dev.txt $(VENV)/.requirements | $(PY)
	@sh scripts/install.sh $(PY) requirements-dev.txt
	@touch $@
