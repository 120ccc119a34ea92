# Everything a person types here. The first target that needs Python builds .venv once.

.DEFAULT_GOAL := help
.PHONY: demo serve work test check fix faults bench migrate clean lock help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements/dev.txt
COMPILE := uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-emit-index-url --quiet

# The first Python that is new enough; `make PYTHON=/path/to/python3.12 …` decides otherwise.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)

demo: $(STAMP) ## Watch a small dataset become instruction-response pairs
	@$(BIN)/python -m app.demo

serve: $(STAMP) ## Run the API and its workers on this machine
	@$(BIN)/python -m app.serve

work: $(STAMP) ## Run one more worker for the service that runs
	@$(BIN)/python -m workers

test: $(STAMP) ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not alone'
	$(BIN)/python -m pytest -m alone

check: $(STAMP) ## Look for mistakes without running the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m app.store.migrate rehearse
	$(BIN)/python -m app.openapi --check

fix: $(STAMP) ## Mend what can be mended by machine, the OpenAPI snapshot too
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m app.openapi

faults: $(STAMP) ## Kill everything at the worst moments and count what is left
	$(BIN)/python -m tests.faults

bench: $(STAMP) ## Measure, and print a table
	$(BIN)/python -m bench

migrate: $(STAMP) ## Bring the database of DATABASE_URL, or the embedded one, up to date
	@$(BIN)/python -m app.store.migrate up

clean: ## Remove .venv, .syphus and every cache
	rm -rf $(VENV) .syphus .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## Resolve the dependencies of pyproject.toml again (needs uv)
	$(COMPILE) --extra embedded --extra dev -o $(LOCK)
	$(COMPILE) --constraint $(LOCK) -o requirements/runtime.txt

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --no-deps: the lock names everything, and leaves out what is declared but not used.
$(STAMP): $(LOCK)
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer is needed; say where it is: make PYTHON=/path/to/python3" >&2; exit 1; fi
	@if ! { [ -x $(BIN)/python ] && $(BIN)/python -c ''; } 2>/dev/null; then rm -rf $(VENV); fi
	@if command -v uv >/dev/null 2>&1 \
		&& { [ -x $(BIN)/python ] || uv venv --quiet --python "$$(command -v $(PYTHON))" $(VENV); } \
		&& uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r $(LOCK); then :; \
	else \
		echo "Installing the locked packages with pip; this takes about a minute." >&2; \
		$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCK); \
	fi
	@touch $@
