# Everything runs in .venv, which is made on first use and again when pyproject.toml changes.
# make demo, make test, make lint; PYTHON=python3.12 chooses the interpreter.
# make bench has an environment of its own, .venv-bench, for the libraries that it compares with;
# make parity .venv-parity, for PyTorch and onnxruntime; make dist .venv-dist, for build and twine.

SHELL := /bin/sh
VENV := .venv
BENCH := .venv-bench
PARITY := .venv-parity
DIST := .venv-dist
SITE := .venv-site
BIN := $(VENV)/bin
FUZZ := 20
# The tests that draw with tests.helpers.every.
DRAWN = $(shell grep -rlE 'every import .*(FUZZ|draws)' tests --include='test_*.py')
KERNELS := hatch_build.py $(wildcard poolcli/kernels/*.cpp poolcli/kernels/*.h poolcli/kernels/*.hpp)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test fuzz lint format docs pictures man site parity conformance bench campaign cluster sanitize digests dist clean

help:
	@echo 'make demo    see it work on sample_data/'
	@echo 'make test    run all tests, README examples included'
	@echo 'make lint    check style and types'
	@echo 'make format  let ruff rewrite the style'
	@echo 'make docs    renew docs/ops.md, docs/play.html and the examples in README.md and docs/'
	@echo 'make pictures  draw the pictures in README.md and docs/ again: terminals and animations'
	@echo 'make man     write the manual page, man/poolcli.1'
	@echo 'make site    build the documents as a site, build/site/index.html, and check their links'
	@echo 'make fuzz    run the tests of random cases with many times as many (FUZZ=20)'
	@echo 'make campaign  pool 10,000 pictures in one folder and print time and memory'
	@echo 'make cluster  kill workers of a Dask cluster at work, compare bytes, count what it costs'
	@echo 'make parity  compare thousands of random cases with PyTorch and onnxruntime'
	@echo 'make conformance  count random cases beside every other library, write docs/conformance.md'
	@echo 'make sanitize  run every kernel under the address and undefined-behaviour sanitizers'
	@echo 'make digests  compare the kernels of every compiler and processor that can be had here'
	@echo 'make dist    build the sdist and the wheel, and try the wheel in an empty environment'
	@echo 'make bench   measure beside other libraries, write docs/benchmarks.md (QUICK=1, LARGE=1)'
	@echo 'make clean   remove everything that make made'

demo: $(VENV)/installed
	@show() { echo; echo "\$$ poolcli $$*"; $(BIN)/poolcli "$$@"; }; \
	set -e; \
	mkdir -p demo_output; \
	show max --size 2 --stride 2 sample_data/max_4x4.npy; \
	show sum --size 3 --stride 1 sample_data/sum_4x4.csv; \
	show avg --size 2 --layout NCHW sample_data/features.npy --no-preview; \
	show global max --layout NCHW sample_data/features.npy; \
	show avg --size 2 sample_data/storm.png -o demo_output/storm.png --overwrite; \
	show max --size 4 sample_data/shepp_logan.png -o demo_output/shepp_logan.png --overwrite; \
	echo; \
	echo 'Compare sample_data/storm.png with demo_output/storm.png, and shepp_logan.png in both.'; \
	echo 'To go on: . $(BIN)/activate; poolcli --help'

test: $(VENV)/tools
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

fuzz: $(VENV)/tools
	POOLCLI_FUZZ=$(FUZZ) $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal $(DRAWN)

lint: $(VENV)/tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/tools
	$(BIN)/python docs/tools/make_ops.py
	PYTHONPATH=. $(BIN)/python docs/tools/make_differences.py
	$(BIN)/python docs/tools/make_play.py
	$(BIN)/python docs/tools/examples.py README.md docs/ops.md docs/windows.md docs/layouts-and-frameworks.md \
	  docs/arrays.md docs/batch.md docs/explain.md docs/animate.md docs/pictures.md docs/json.md \
	  docs/shape.md docs/compare.md docs/tutorial.md

pictures: $(VENV)/tools
	$(BIN)/python docs/tools/make_drawing.py
	$(BIN)/python docs/tools/make_terminal.py

man: $(VENV)/installed
	$(BIN)/python docs/tools/make_man.py man/poolcli.1

site: $(SITE)/installed
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --quiet
	@echo 'build/site/index.html'

campaign: $(VENV)/installed
	$(BIN)/python -m tests.helpers.many 10000

cluster: $(VENV)/tools
	$(BIN)/python -m tests.helpers.cluster_campaign

parity: $(PARITY)/installed
	POOLCLI_LARGE=1 $(PARITY)/bin/python -m pytest tests/parity tests/numbers/test_elsewhere.py

conformance: $(PARITY)/installed
	PYTHONPATH=. TF_CPP_MIN_LOG_LEVEL=3 $(PARITY)/bin/python docs/tools/make_conformance.py

bench: $(VENV)/installed $(BENCH)/installed
	$(BENCH)/bin/python -m benchmarks $(if $(QUICK),--quick) $(if $(LARGE),--large)

sanitize: $(VENV)/tools
	$(BIN)/python -m tests.native.programs sanitize

digests: $(VENV)/tools
	$(BIN)/python -m tests.native.programs digests

# The wheel is made of the sdist, so that both are tried.
dist: $(DIST)/installed
	rm -rf dist build/trial
	$(DIST)/bin/python -m build --outdir dist .
	$(DIST)/bin/python -m twine check --strict dist/*
	$(DIST)/bin/python -m venv build/trial
	build/trial/bin/python -m pip --disable-pip-version-check --quiet install dist/*.whl
	cd build && trial/bin/poolcli --version && printf '1 3\n2 4\n' | trial/bin/poolcli max --size 2 -
	@ls -l dist

clean:
	rm -rf $(VENV) $(BENCH) $(PARITY) $(SITE) $(DIST) demo_output man build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/python:
	@set -e; \
	for candidate in $${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	      >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo 'poolcli needs Python 3.11 or later with the venv module;' \
	    'none found'"$${PYTHON:+ as PYTHON=$$PYTHON}"'. Install one or name it: make PYTHON=/path/to/python' >&2; \
	  exit 1; \
	fi; \
	echo "making $(VENV) with $$($$found --version)"; \
	"$$found" -m venv --clear $(VENV); \
	touch $@

$(VENV)/installed: $(VENV)/python pyproject.toml $(KERNELS)
	$(PIP) install --editable .
	@touch $@

$(VENV)/tools: $(VENV)/installed
	$(PIP) install --editable '.[dev,browser]'
	@touch $@

$(BENCH)/installed: $(VENV)/python pyproject.toml benchmarks/requirements.txt
	$(BIN)/python -m venv $(BENCH)
	$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install \
	  --editable . -r benchmarks/requirements.txt
	@touch $@

$(PARITY)/installed: $(VENV)/python pyproject.toml tests/parity/requirements.txt
	$(BIN)/python -m venv $(PARITY)
	$(PARITY)/bin/python -m pip --disable-pip-version-check --quiet install \
	  --editable '.[dev]' -r tests/parity/requirements.txt
	@touch $@

$(DIST)/installed: $(VENV)/python
	$(BIN)/python -m venv $(DIST)
	$(DIST)/bin/python -m pip --disable-pip-version-check --quiet install build twine
	@touch $@

$(SITE)/installed: $(VENV)/python
	$(BIN)/python -m venv $(SITE)
	$(SITE)/bin/python -m pip --disable-pip-version-check --quiet install 'mkdocs>=1.6,<2' 'mkdocs-material>=9.5'
	@touch $@
