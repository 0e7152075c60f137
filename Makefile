# Two commands do all the set-up on a machine with Python 3.11 and pip: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint format bench wheel clean

demo: $(READY)  ## train on the embedded world, print four quadrants, write demo/report.html
	$(BIN)/dualnet demo --out demo

test: lint  ## everything that must hold before a change lands
	$(BIN)/python -m pytest -rs

lint: $(READY)  ## format, style, types
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

format: $(READY)  ## rewrite files in the house format
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

bench: $(READY)  ## speed, memory and scale against floors and peers; writes benchmarks/results (about half an hour)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,bench]'
	$(BIN)/python -m benchmarks

wheel: $(READY)  ## one pure-Python wheel in dist/
	$(BIN)/python -m build --wheel --outdir dist

clean:  ## remove what these commands made
	rm -rf $(VENV) dist build demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

# constraints.txt pins torch to its CPU build; an unpinned torch pulls gigabytes of CUDA
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	for try in 1 2 3; do $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]' && break; [ $$try = 3 ] && exit 1; sleep 5; done
	touch $(READY)
