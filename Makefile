# Two commands do all: `make up` runs the fleet, `make test` tests it. Both install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
STAMP := $(VENV)/.installed
GUESTS := .cache/guests
# uv installs in seconds; where it cannot be had, pip does the same more slowly.
UV := $(BIN)/python -m uv
INSTALL = ($(UV) pip install --quiet --python $(BIN)/python $(1) 2>/dev/null || $(BIN)/python -m pip install --quiet $(1))

.PHONY: up test lint unit interop bench soak docs clean help

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

# Begun anew where it was interrupted, and where its Python has gone away since.
ifeq ($(realpath $(BIN)/python),)
.PHONY: $(MADE)
endif
$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sanctuary-host needs Python 3.11 or newer; run make PYTHON=python3.11")'
	@echo 'Installing sanctuary-host …'
	@mkdir -p .cache
	@$(PYTHON) -m venv --clear $(VENV) 2>.cache/venv.log || { cat .cache/venv.log >&2; exit 1; }  # Ctrl-C: no traceback
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1' 2>/dev/null || echo 'uv is not to be had; installing with pip'
	@touch $@

$(STAMP): $(MADE) pyproject.toml
	@$(call INSTALL,-e .[all])
	@touch $@

$(VENV)/.tested: $(STAMP) pyproject.toml examples/domain/pyproject.toml tests/fixtures/conformance/pyproject.toml tests/fixtures/intruder/pyproject.toml tests/fixtures/faults/pyproject.toml
	@echo 'Installing the test tools …'
	@$(call INSTALL,-e '.[dev]')
	@touch $@

# Distributions that only tests join the host with: beside the environment, so that `make up` does not find them there.
$(GUESTS)/.installed: $(VENV)/.tested $(shell find examples/domain/src tests/fixtures -name '*.py')
	@rm -rf $(GUESTS)
	@$(call INSTALL,--no-deps --target $(GUESTS) ./examples/domain ./tests/fixtures/conformance ./tests/fixtures/intruder ./tests/fixtures/faults)
	@touch $@

up: $(STAMP) ## run every cluster as a local process, and a gateway (not with GATEWAY=off), until Ctrl-C
	@SANCTUARY_GATEWAY_HOME=$${SANCTUARY_GATEWAY_HOME:-$(CURDIR)/.cache/gateway} exec $(BIN)/sanctuary-host up

test: lint unit ## install and run all checks and tests

lint: $(VENV)/.tested ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pyright

interop: $(VENV)/.tested ## install the foreign clients and the gateway that the tests drive, and podman
	@$(BIN)/python tests/interop/install || [ -z "$$CI" ]  # elsewhere than in CI, tests of what is missing are skipped
	@$(BIN)/python tests/containers/install || [ -z "$$CI" ]  # as above
	@$(BIN)/python tests/registration/install || [ -z "$$CI" ]  # as above

unit: interop $(GUESTS)/.installed ## the tests alone
	@PYTHONPATH="$(CURDIR)/$(GUESTS)" $(BIN)/pytest
	@PYTHONPATH="$(CURDIR)/$(GUESTS)" $(BIN)/pytest examples/domain

bench: $(VENV)/.tested ## compare with the SDK's own server, fastmcp, bare aiohttp, and the reference file server
	@$(BIN)/python bench/run.py
	@$(BIN)/python bench/files.py

soak: $(VENV)/.tested ## make a hundred thousand mixed calls, faults among them
	@$(BIN)/python bench/soak.py

docs: $(VENV)/.tested ## write settings.md, tools.md and the client configurations from the code
	@$(BIN)/python docs/generate.py

clean: ## remove what was installed and built
	rm -rf $(VENV) .cache build dist node_modules
