# The commands of the course. Each sets up what it needs; a second call does no set-up work.
#
#   PYTHON=/path/to/python   use this Python
#   PY=3.12                  work in a second environment, .venv-3.12, made with Python 3.12
#   LESSON=01                one notebook, by number or name
#   SEED=1 COUNT=300         which mutants, and how many; MODULES="files plot" for some of tools/mutants.yaml

VENV := .venv$(if $(PY),-$(PY))
BIN := $(VENV)/bin
TESTS ?= notebooks tests local_sagemaker/tests
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help lab test run check notebooks sources bench site soak browser mutants clean setup needs lock

help:  ## show these lines
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

lab: setup  ## open JupyterLab on your own copies of the lessons; AUTHOR=1 on the originals
	@$(BIN)/gluon-lessons lab $(if $(AUTHOR),--author)

test: setup needs  ## unit tests, types, hygiene, and every notebook compared with what it stores
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto $(TESTS)

run: setup needs  ## execute the lessons (or LESSON) and show what each took
	@$(BIN)/python tools/notebooks.py run $(LESSON)

check: setup needs  ## say what is wrong with the lessons (or LESSON) while one is written: outputs, figures, solutions, rules
	@$(BIN)/python tools/notebooks.py check $(LESSON)

notebooks: setup needs  ## execute the lessons (or LESSON) and store them again
	@$(BIN)/python tools/notebooks.py refresh $(LESSON)

sources: setup  ## fetch from every source on the internet, and show which still serve (15 GB)
	@$(BIN)/python tools/sources.py $(NAMES)

bench: setup needs  ## measure the speed of the networks, side by side
	@$(BIN)/python tools/bench.py

site: setup  ## build the pages to read
	@$(BIN)/python tools/build_site.py

soak: setup needs  ## the long runs: endpoints under load, failures, updates
	$(BIN)/python -m pytest -m soak tests local_sagemaker/tests

browser: setup needs  ## the pages and JupyterLab, used in Chromium
	$(BIN)/python -m pytest -m browser tests/browser

mutants: setup needs  ## break the code in small ways and see whether the tests notice
	$(BIN)/python tools/mutants.py --seed $(or $(SEED),1) --count $(or $(COUNT),300) $(MODULES)

clean:  ## remove the environments and everything built; fetched weights stay
	rm -rf .venv .venv-* .venv*.before .venv*.lock .pytest_cache .ruff_cache .cache build dist site
	find . -name __pycache__ -prune -exec rm -rf {} +

# Any Python 3 can begin: the set-up itself finds the one that the course needs, or says what is missing.
setup:
	@for python in $(BIN)/python python3 python3.12 python3.11 "$$PYTHON"; do \
		if "$$python" -S -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2> /dev/null; then \
			exec "$$python" -S tools/setup.py --venv $(VENV) $(if $(PY),--version $(PY)); \
		fi; \
	done; \
	echo "No Python 3 runs here: install Python 3.12 and run the same command again." >&2; exit 1

needs: setup
	@$(BIN)/python tools/fetch.py

lock:  ## resolve the pins again, with uv
	uv pip compile pyproject.toml local_sagemaker/pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -o requirements.lock
