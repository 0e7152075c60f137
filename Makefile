# Each of these does all the set-up on a machine with Python 3.11 and pip: `make demo`, `make serve`, `make test`.
# `make demo DATA=movielens-latest-small` (or citeulike-a, or another of `dualnet data list`) is on real data, fetched from its owners.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DATA   ?= demo
RUN    ?= $(if $(filter demo,$(DATA)),demo,demo-$(DATA))
PORT   ?= 8080

.PHONY: demo serve test test-scale test-install oldest lint format docs campaign bench wheel sbom lock audit clean

demo: $(READY)  ## train on the embedded library (or DATA=name), tell what the model does, write demo/report.html
	$(BIN)/dualnet demo $(DATA) $(CONTENT-$(DATA)) --out $(RUN)

serve: $(READY)  ## a page to try it on http://127.0.0.1:8080; trains the demo first if there is no run (DATA=name, RUN=folder, PORT=number)
	test -e $(RUN)/model/manifest.json || test -e $(RUN)/manifest.json || $(BIN)/dualnet demo $(DATA) $(CONTENT-$(DATA)) --out $(RUN)
	$(BIN)/dualnet serve $(RUN) --port $(PORT) --quiet

test: lint  ## everything that must hold before a change lands; a file of tests stays in one of three processes: while one waits, two work
	$(BIN)/python -m pytest -rs -n 3 --dist loadfile

test-scale: $(READY)  ## clusters of several nodes, and kills of their parts: half an hour, not part of `make test`
	$(BIN)/python -m pytest -rs -m scale

test-install: $(READY)  ## each block of the README in an empty environment with what it names alone: minutes, fetches packages
	$(BIN)/python -m pytest -rs -m install --durations=0 tests/architecture/test_readme_blocks.py

oldest:  ## the tests of units and contracts with the oldest supported versions of the dependencies; every night, not in every run
	$(PYTHON) -m venv build/oldest
	build/oldest/bin/python -m pip install --quiet -r constraints-oldest.txt -e .
	build/oldest/bin/python -m pytest -q tests/unit tests/contract

lint: $(READY)  ## format, style, types
	$(BIN)/ruff format --check src tests benchmarks campaign
	$(BIN)/ruff check src tests benchmarks campaign
	$(BIN)/mypy

format: $(READY)  ## rewrite files in the house format
	$(BIN)/ruff format src tests benchmarks campaign
	$(BIN)/ruff check --fix src tests benchmarks campaign

docs: $(READY)  ## the documentation site in build/docs; a warning is an error
	$(BIN)/python -m sphinx -b html -q -E -W --keep-going docs build/docs

bench: $(READY)  ## speed, memory and scale against floors and peers; writes benchmarks/results (about an hour and a half)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,bench]'
	$(BIN)/python -m benchmarks

campaign: $(READY)  ## kills, disk faults, altered bytes, bad inputs, soak: long, and goes on where it stopped
	$(BIN)/python -m campaign

wheel: $(READY)  ## one pure-Python wheel in dist/
	$(BIN)/python -m build --wheel --outdir dist

sbom:  ## the software bill of materials in src/dualnet.cdx.json, which the wheel carries; after constraints.txt changes
	.ci/sbom

lock:  ## locked/*.txt: what the images install, with hashes; after constraints.txt or the dependencies change
	.ci/lock

audit:  ## known vulnerabilities of the pinned packages, where the service of pip-audit can be reached
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet pip-audit
	grep -v '^torch==' constraints.txt > build/audit/requirements.txt
	build/audit/bin/pip-audit --no-deps --disable-pip --requirement build/audit/requirements.txt

clean:  ## remove what these commands made
	rm -rf $(VENV) dist build demo demo-* .pytest_cache .mypy_cache .ruff_cache .hypothesis

# columns to read of a data set whose other columns its own users wrote
CONTENT-movielens-latest-small := --content title,genres
CONTENT-citeulike-a := --content title

# constraints.txt pins torch to its CPU build; an unpinned torch pulls gigabytes of CUDA
$(READY): pyproject.toml constraints.txt
	@echo "installing into $(VENV): two to four minutes, 3 GB"
	$(PYTHON) -m venv $(VENV)
	for try in 1 2 3; do $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]' && break; [ $$try = 3 ] && exit 1; sleep 5; done
	touch $(READY)
