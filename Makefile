# The commands of the README. PYTHON is the interpreter that executables are made of.
PYTHON ?= python3
VENV := build/venv
BIN := $(VENV)/bin
C_SOURCES := $(filter-out stub/image_format.h stub/config_table.h,$(wildcard stub/*.c stub/*.h stub/unpacker/*.[ch] tests/stub/*.c tests/stub/files/*.[ch] tests/benchmarks/*.c tests/benchmarks/suite/*.c \
	backend/oxidize_build/runtime/build/*.c))

.PHONY: setup demo test compat cpython bench docs docs-reference lint format

setup: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

demo: setup
	$(BIN)/python examples/demo.py

test: setup
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGUMENTS)

compat: setup
	$(BIN)/python tests/compat/run_all.py

cpython: setup
	$(BIN)/python tests/cpython/run.py

bench: setup
	$(BIN)/python tests/benchmarks/bench.py $(BENCH_ARGUMENTS)

docs: setup
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(C_SOURCES)

docs-reference: setup
	$(BIN)/python -m oxidize_build.settings.reference > docs/reference/settings.md
	$(BIN)/python -m oxidize_build.cli.reference > docs/reference/cli.md

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_SOURCES)
