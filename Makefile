# The two commands are `make demo` and `make test`; the rest is for people who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEFAULT_TESTS := not slow and not real_data and not browser and not servers
# One thread a test process: two processes with two threads each would only wait for one another.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

.PHONY: demo test test-all check install bench constraints clean

demo: $(INSTALLED)          ## the whole way on a small made-up bay of images, offline
	$(BIN)/ephyra demo

test: $(INSTALLED)          ## the quick suite: under five minutes on two cores
	$(PYTEST) -m "$(DEFAULT_TESTS)"

test-all: $(INSTALLED)      ## everything: slow, real data, servers, browser
	$(PYTEST)

check: $(INSTALLED)         ## style, types, layers, the goals of tools/house.py, documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/house.py
	$(BIN)/python -m pytest -q tests/test_docs.py tests/flows/config/test_scaffold.py

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt \
		--compile-bytecode --editable ".[dev]"
	$(BIN)/python -m compileall -q collectors data_registry flows labeling train  # a first start is slow else
	touch $@

bench: $(INSTALLED)         ## every benchmark, quick form
	for name in $$(cd benchmarks && ls *.py | grep -v '^_' | sed 's/\.py$$//'); do \
		$(BIN)/python -m benchmarks.$$name --json --quick || exit 1; done

constraints:                ## renew the exact versions, with no registry address in the file
	$(BIN)/uv pip compile --quiet --python $(BIN)/python --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --all-extras --upgrade pyproject.toml --output-file constraints.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
