# `make train` trains on sample photographs; `make test` runs every check, `make test ROOM=codecs` those of one room;
# `make docs` builds the documentation into build/site. All set themselves up.

PYTHON ?= python3
ARGS ?= baseline=realesrgan codec=jpeg qf=20
ROOM ?=
BIN := .venv/bin

.PHONY: train check test docs clean

train: .venv/installed
	$(BIN)/python -m biasgan.train $(ARGS)

check: .venv/installed-for-tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright $(if $(ROOM),biasgan/$(ROOM) tests/$(ROOM))
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(if $(ROOM),tests/$(ROOM))

# With --quiet broken links would pass.
docs: .venv/installed-for-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

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

.venv/installed-for-docs: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group docs
	touch $@
