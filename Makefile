# Works with GNU make 3.81 (macOS). A step whose result is there already is skipped.
VENV := .venv
PY := $(VENV)/bin/python
LOCK := $(PY) -m uv --quiet pip compile --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
INSTALLED := $(VENV)/.requirements
INSTALLED_DEV := $(VENV)/.requirements-dev
BROWSER_FILES := app/static/vendor/htmx.min.js
NPM_PACKAGES := node_modules/.complete

.DEFAULT_GOAL := help
.PHONY: help run run-cluster setup check-model rotate-keys invite role dev new-service migration check test coverage test-faults soak fuzz openapi eval bench lint audit format lock translations clean system-programs

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: $(INSTALLED) $(BROWSER_FILES) ## Set up what is missing and start everything (Ctrl-C stops it)
	@exec $(PY) -m scripts.run

run-cluster: dev ## Start everything on PostgreSQL, Valkey and two web nodes behind a proxy
	@exec $(PY) -m scripts.run_cluster

setup: $(INSTALLED) $(BROWSER_FILES) ## Set up what is missing for `make run`
	@$(PY) -m scripts.set_up

check-model: setup ## Ask the model in .env five questions, and say what doesn't work
	@exec $(PY) -m scripts.check_model

rotate-keys: $(INSTALLED) ## Make a new key to sign tool tokens; it takes over after a minute
	@$(PY) -m scripts.rotate_keys $(DELAY)

invite: setup ## Print a link with which one person can sign up, for DAYS=7 days
	@$(PY) -m scripts.invite $(DAYS)

role: setup ## Give somebody a role: EMAIL=ann@example.com ROLE=admin, or ROLE=user
	@EMAIL="$(EMAIL)" ROLE="$(ROLE)" $(PY) -m scripts.set_role

dev: $(INSTALLED) $(INSTALLED_DEV) $(NPM_PACKAGES) ## Set up what is missing for the commands below

new-service: dev ## Write a tool service that works at once, to change: NAME=tickets
	@NAME="$(NAME)" $(PY) -m scripts.new_service

migration: dev ## Write the migration of a tool service after its models changed: SERVICE=tickets
	@SERVICE="$(SERVICE)" MESSAGE="$(MESSAGE)" $(PY) -m scripts.migration

check: lint ## Check style and types, and run the fast tests (90 seconds)
	@$(PY) -m scripts.run_tests --fast

test: ## Run all tests, browsers and servers included
	@$(MAKE) -s --no-print-directory -j3 dev system-programs
	@$(PY) -m scripts.install_test_programs
	@$(PY) -m scripts.run_tests

# Installed beside the packages, since both mostly wait for the network; needs none of them.
system-programs: $(PY)
	@$(PY) -m scripts.install_test_programs --system

coverage: dev ## Measure how much of the code the tests run; fails below 95 %
	@$(PY) -m scripts.run_tests --coverage

test-faults: dev ## Kill and pause everything under load, three times over (ten minutes)
	@$(PY) -m tests.faults

soak: dev ## Use everything for half an hour, and report what is left over
	@$(PY) -m tests.faults.soak

fuzz: dev ## Send 100,000 odd requests to every route (N=... for another number)
	@FUZZ_REQUESTS=$(or $(N),100000) $(PY) -m pytest -q -s tests/app/web/test_fuzz.py -k no_request

openapi: dev ## Write docs/openapi.json, after a route has changed
	@$(PY) -m scripts.write_openapi

eval: dev ## Ask the model that .env names each domain's questions, and score its answers
	@$(PY) -m scripts.run_evals

bench: dev ## Measure streaming beside two relays, and update docs/performance.md (half an hour)
	@$(PY) -m bench.streams

lint: dev ## Check style, types, dependencies and the direction of imports
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy
	@$(VENV)/bin/deptry . --extend-exclude 'bench|node_modules|scripts/evals|scripts/install_test_programs|(\w+/)+tests|conftest.py'
	@$(VENV)/bin/deptry bench scripts tests --exclude none --ignore DEP002,DEP004
	@$(VENV)/bin/lint-imports --no-logo --no-cache
	@$(PY) -m bandit --quiet --configfile pyproject.toml --recursive \
		app demo_model examples scripts tool_services gunicorn.conf.py wsgi.py

audit: dev ## Look up the pinned packages in the public lists of vulnerabilities (needs the internet)
	@$(PY) -m pip_audit --requirement requirements.txt --require-hashes --disable-pip --strict
	@npm audit --omit=dev

format: dev ## Format the code
	@$(PY) -m ruff check --fix --quiet
	@$(PY) -m ruff format

lock: dev ## Pin the dependencies of pyproject.toml in requirements*.txt
	@$(LOCK) pyproject.toml -o requirements.txt
	@$(LOCK) --group dev -c requirements.txt -o requirements-dev.txt

translations: dev ## Bring app/translations up to the texts of templates and code
	@$(PY) -m scripts.translations

clean: ## Remove everything that set-up installed, but not instance/
	rm -rf $(VENV) app/static/vendor node_modules

$(PY):
	@PYTHON="$(PYTHON)" sh scripts/create_venv.sh $(VENV)

# Order-only: the interpreter's date says nothing about what is installed.
$(INSTALLED): requirements.txt | $(PY)
	@sh scripts/install_requirements.sh $(PY) requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED)
	@sh scripts/install_requirements.sh $(PY) requirements-dev.txt
	@touch $@

$(BROWSER_FILES): package-lock.json
	@sh scripts/install_npm_packages.sh --omit=dev

# npm removes this file together with the packages whenever it installs.
$(NPM_PACKAGES): package-lock.json
	@sh scripts/install_npm_packages.sh
	@touch $@
