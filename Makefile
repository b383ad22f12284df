# Everything starts here. `make demo` and `make test` need Python >= 3.11, make and git, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests wait for servers and pages they have started; one more than there are cores keeps both at work.
JOBS ?= 3
# Many images ask Python to keep no compiled files; then each process that a test starts compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv demo browser validators screenshots test lint fix conformance live slow bench lock clean

help: ## these lines
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

venv: $(VENV)/.ready ## the environment alone, from the lock

$(VENV)/.ready: requirements/dev.txt requirements/uv.txt requirements/node.txt pyproject.toml package-lock.json hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fieldcal needs Python 3.11 or newer; this is %s. Set PYTHON=python3.11 or newer." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@command -v npm >/dev/null || $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/node.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: venv ## the main job on the embedded systems, then serve until stopped
	$(BIN)/fieldcal demo

browser: venv ## a Chromium for the tests of the pages, where there is none
	$(BIN)/python -m tests.browser.chromium

validators: venv ## promtool and hadolint for the tests of deploy/, where there are none
	$(BIN)/python -m tests.deploy.validators

screenshots: venv ## the pictures of the guides, into docs/img
	$(BIN)/python -m tests.browser.screenshots

test: venv ## all tests but the slow ones and the independent clients
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not slow and not conformance"

lint: venv ## style, types, and what the house asks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: venv ## mend what can be mended by machine
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv-conformance/.ready: requirements/conformance.txt requirements/uv.txt pyproject.toml
	$(PYTHON) -m venv .venv-conformance
	.venv-conformance/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	.venv-conformance/bin/uv pip sync --quiet --python .venv-conformance/bin/python --require-hashes requirements/conformance.txt
	@command -v npm >/dev/null || .venv-conformance/bin/uv pip install --quiet --python .venv-conformance/bin/python --require-hashes -r requirements/node.txt
	.venv-conformance/bin/uv pip install --quiet --python .venv-conformance/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

conformance: .venv-conformance/.ready ## Microsoft's and others' own clients against the embedded ends (400 MB)
	.venv-conformance/bin/pytest -m conformance tests/conformance

live: venv ## the contracts and open questions against a real tenant (docs/live-suite.md)
	$(BIN)/python -m tests.live

slow: venv ## the long suites
	$(BIN)/pytest -n $(JOBS) -m slow --timeout 3600

bench: venv .venv-conformance/.ready ## the measurements of bench/RESULTS.md
	$(BIN)/python -m bench
	$(BIN)/python -m bench.caldav
	$(BIN)/python -m bench.centre
	$(BIN)/python -m bench.board
	$(BIN)/python -m bench.scale
	$(BIN)/python -m bench.latency
	$(BIN)/python -m bench.day
	$(BIN)/python -m bench.load
	$(BIN)/python -m bench.workers
	$(BIN)/python -m bench.peers

lock: venv ## write the locks anew (names no registry host)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" --python-version 3.11 requirements/uv.in -o requirements/uv.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" --python-version 3.11 requirements/node.in -o requirements/node.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" --python-version 3.11 requirements/validators.in -o requirements/validators.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" --python-version 3.11 pyproject.toml requirements/build.in --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" --python-version 3.11 pyproject.toml requirements/build.in --group dev --group conformance -o requirements/conformance.txt

clean: ## forget the environments
	rm -rf .venv .venv-conformance .venv-validators build dist .mypy_cache .ruff_cache .pytest_cache
