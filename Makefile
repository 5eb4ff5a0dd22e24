# make help lists what there is; every target sets up its environment itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One process of tests for every processor; inside each, joblib and BLAS keep to one.
PYTEST := LOKY_MAX_CPU_COUNT=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
  $(BIN)/python -m pytest -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help environment report test slow e2e check format lint types layers house notebooks notebooks-check certify certify-short fuzz lab bench docs lock data dist witness clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml tools/make_venv.py
	@command -v $(PYTHON) >/dev/null || { echo "environment: $(PYTHON) is missing; install Python 3.11 to 3.13"; exit 1; }
	@$(PYTHON) tools/make_venv.py $(VENV)

environment: $(READY)  ## make the environment alone (2 to 3 min): then . .venv/bin/activate, and mnstudy is there
	@echo "environment ready; in this terminal: . $(BIN)/activate"

report: $(READY)  ## regenerate what changed in reports/ and reports/demo/; all of it with OPTIONS=--fresh (3 to 6 min)
	@$(BIN)/mnstudy report --out reports --formats svg --no-notebooks $(OPTIONS)
	@$(BIN)/mnstudy report demo_clinic --out reports/demo --formats svg $(OPTIONS)

test: $(READY)  ## run the tests, side by side (about 13 min on 2 cores)
	@$(PYTEST) -m "not slow and not e2e"

slow: $(READY)  ## run the simulations too (about an hour; MNSTUDY_RUNS=200 is rougher and sooner)
	@$(PYTEST) -m "not e2e"

e2e: $(READY)  ## drive JupyterLab and the page of reports/ in a browser (about 4 min)
	@$(BIN)/python -m pytest -m e2e tests/e2e

check: format lint types layers house test notebooks-check  ## everything that has to hold before a commit

format: $(READY)
	@$(BIN)/ruff format --check .

lint: $(READY)
	@$(BIN)/ruff check .

types: $(READY)
	@$(BIN)/mypy

layers: $(READY)
	@$(BIN)/lint-imports

house: $(READY)  ## print modules, widest folder, code lines and circles beside their limits
	@$(BIN)/python tools/house.py

notebooks-check: $(READY)
	@$(BIN)/python tools/run_notebooks.py --check

notebooks: $(READY)  ## run the notebooks again and keep their outputs
	@$(BIN)/python tools/run_notebooks.py

certify: $(READY)  ## simulate again how often verdicts are wrong: data/certificate (half an hour on 2 cores)
	@$(BIN)/python tools/certify.py
	@$(BIN)/python tools/make_manifest.py

certify-short: $(READY)  ## the same in short (about 2 min): fails where a promise is broken
	@$(BIN)/python tools/certify.py --short

SECONDS := 1800
fuzz: $(READY)  ## change sheets and study files byte by byte, guided by coverage (make fuzz SECONDS=1800; needs atheris)
	@$(BIN)/python tools/fuzz_sheets.py --seconds $(SECONDS)

lab: $(READY)  ## open JupyterLab in this environment
	@$(BIN)/jupyter lab --notebook-dir=notebooks

bench: $(READY)  ## print speed and memory as ratios, measured side by side (R is used where present)
	@for f in benchmarks/*.py; do $(BIN)/python $$f || exit 1; done

docs: $(READY)  ## make the site of docs/, notebooks and docstrings in build/docs, without network (about 2 min)
	@rm -rf build/docs build/doctrees
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -j auto \
	  -b html -c docs -d build/doctrees . build/docs
	@$(BIN)/python tools/check_site.py build/docs
	@echo "no warning, every link leads somewhere; open build/docs/index.html"

data: $(READY)  ## write the synthetic cohorts and the manifest of data/ again
	@$(BIN)/python tools/make_demo_data.py
	@$(BIN)/python tools/make_manifest.py

dist: $(READY)  ## build the source archive and the wheel into dist/ (docs/releasing.md)
	@rm -rf dist && $(BIN)/hatchling build -d dist

lock: pyproject.toml  ## resolve requirements.lock again (needs uv)
	@uv pip compile --universal --python-version 3.11 --all-extras --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q pyproject.toml -o requirements.lock

witness:  ## compute the pinned reference numbers again (needs R, see tests/reference/README.md)
	@cd tests/reference && for f in *.R; do echo $$f; Rscript $$f >/dev/null || exit 1; done

clean:  ## remove the environment and what tools left behind
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
