# GNU make 3.81 (macOS) is enough. Every step is skipped when it is up to date.
VENV := .venv
PY := $(VENV)/bin/python
COMPILE := $(PY) -m uv --quiet pip compile --universal --python-version 3.11 --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help run setup dev browser-files test lint format lock clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.requirements browser-files ## Set up what is missing, then start everything (Ctrl-C stops it)
	@exec $(PY) -m scripts.serve

setup: $(VENV)/.requirements browser-files ## Set up what is missing, and start nothing
	@$(PY) -m scripts.prepare

test: dev ## Set up what is missing, then run every test
	@$(PY) -m scripts.browsers
	@failed=0; \
	$(PY) -m coverage run -m pytest tests || failed=1; \
	$(PY) -m pytest -c tests/browser/pytest.ini tests/browser || failed=1; \
	$(PY) -m coverage report --fail-under=95 || failed=1; \
	exit $$failed

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
