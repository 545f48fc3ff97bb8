# `make train` trains on sample photographs; `make test` runs every check. Both set themselves up.

PYTHON ?= python3
ARGS ?= baseline=realesrgan codec=jpeg qf=20
BIN := .venv/bin

.PHONY: train test clean

train: .venv/installed
	$(BIN)/python -m biasgan.train $(ARGS)

test: .venv/installed-for-tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

clean:
	rm -rf .venv

# Stamps are written last: an installation that was cut off is done again.
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[bpg]"
	touch $@

.venv/installed-for-tests: .venv/installed
	$(BIN)/python -m pip install --quiet --editable ".[bpg]" --group dev
	touch $@
