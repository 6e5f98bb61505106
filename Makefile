# Two commands are enough: `make demo` and `make test`. Each sets up what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
STUDY ?= configs/demo.yaml
BENCH ?=
JOBS ?= 3
CHAOS ?=
NOTEBOOKS ?=
PYTEST ?=
WHEEL ?=

# Compiled modules are kept: without them every Python process spends 20 seconds on its imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test chaos bench docs notebooks page screenshots check wheel format lock openclipart clean help

help:
	@echo "make demo         set up, draw the demo data, search, analyze, test once, report (a few minutes)"
	@echo "make test         set up and run all tests, three files at a time (JOBS=5: five; PYTEST=--durations=25)"
	@echo "make chaos        disturb a small study at random moments, 30 rounds (40 minutes; CHAOS=--rounds 5 --seed 7)"
	@echo "make bench        measure speed and memory beside a reference (about 10 minutes; BENCH=--quick: 3)"
	@echo "make check        formatting, lint, types, import contracts, dead code, the house's limits"
	@echo "make wheel        build the wheel and import all of it (half a minute; WHEEL=dist keeps it there)"
	@echo "make docs         build the documentation's site in build/docs (a minute)"
	@echo "make notebooks    run the documentation's notebooks in Jupyter (a minute; NOTEBOOKS=--write keeps what they show)"
	@echo "make openclipart  fetch real drawings with apt-get, import them, run configs/openclipart.yaml"
	@echo "make page         the report in a browser, with axe-core's check of accessibility (needs chromium and npm)"
	@echo "make screenshots  draw the README's pictures of MLflow and of the terminal anew (needs chromium)"
	@echo "make lock         compile requirements.lock anew from pyproject.toml (needs uv)"
	@echo "make clean        remove the virtual environment and the demo's output"

# uv where it is on the path, else venv and pip; both install exactly what requirements.lock says.
$(READY): requirements.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  echo "Setting up $(VENV) with uv"; \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps -e . ; \
	else \
	  echo "Setting up $(VENV) with pip"; \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e . ; \
	fi
	@touch $(READY)

demo: $(READY)
	@$(BIN)/binwise data demo data/demo
	@$(BIN)/binwise run $(STUDY) --replace

# BLAS' threads spin while they wait: with several tests at a time they would only take each other's cores.
test: $(READY)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST)

chaos: $(READY)
	@PYTHONPATH=. $(BIN)/python tests/integration/chaos.py $(CHAOS)

bench: $(READY)
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/run_all.py $(BENCH)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@$(BIN)/python tests/house/check_house.py

wheel: $(READY)
	@$(BIN)/python tests/house/check_wheel.py $(WHEEL)

# The extra `docs` beside the locked packages, none of which it may move. It has no digests, so none are asked; pip's
# constraints have no extras.
$(DOCS_READY): $(READY)
	@sed -e '/--hash=/d' -e 's/ \\$$//' -e 's/^\([A-Za-z0-9_.-]*\)\[.*\]==/\1==/' requirements.lock > $(VENV)/constraints.txt
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --constraint $(VENV)/constraints.txt --editable '.[docs]' ; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(VENV)/constraints.txt --editable '.[docs]' ; \
	fi
	@touch $(DOCS_READY)

docs: $(DOCS_READY)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --config-file .github/docs/mkdocs/mkdocs.yml
	@echo "Site: build/docs/index.html"

notebooks: $(DOCS_READY)
	@$(BIN)/python .github/docs/mkdocs/notebooks.py $(NOTEBOOKS)

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

AXE := build/axe/package/axe.min.js
$(AXE):
	@mkdir -p build/axe && cd build/axe && npm pack --silent axe-core@4 >/dev/null && tar -xzf axe-core-*.tgz

page: $(READY) $(AXE)
	@BINWISE_AXE=$(CURDIR)/$(AXE) $(BIN)/python -m pytest tests/integration/test_report_page.py

screenshots: $(READY)
	@BINWISE_SCREENSHOTS=$(CURDIR)/.github/pictures \
	  $(BIN)/python -m pytest tests/integration/test_mlflow_ui.py tests/integration/test_status_picture.py

# No index address may enter the lock: it serves any mirror, whose files are known by their digests.
lock:
	uv pip compile --universal --python-version 3.11 --extra demo --extra dev --no-header --no-emit-index-url --no-strip-extras --quiet \
	  --generate-hashes --upgrade -o requirements.lock pyproject.toml

openclipart: $(READY)
	@configs/fetch_openclipart.sh data/openclipart-source
	@test -d data/openclipart || \
	  $(BIN)/binwise data import data/openclipart-source data/openclipart --classes animals,food,people,transportation
	@$(BIN)/binwise run configs/openclipart.yaml --replace

clean:
	rm -rf $(VENV) data/demo mlruns/studies/demo
