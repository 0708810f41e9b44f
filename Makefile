# Works with GNU make 3.81 (macOS) and later. Recipes keep to what both sh and
# the Windows command line understand, hence the Python one-liners.

ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := Scripts
else
PYTHON ?= python3
BIN := bin
# Jupyter refuses to run as root, the usual user of a container, unless told to.
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
endif

# OLDEST=1: a second environment with the lower bound of every dependency.
ifeq ($(OLDEST),1)
VENV ?= .venv-oldest
STAMP = $(VENV)/.set-up-oldest
PIP_ARGS = --constraint "$(VENV)/oldest.txt"
VERSIONS = == (3, 11)
NEEDED = OLDEST=1 needs Python 3.11 itself
REMEDY = OLDEST=1 PYTHON=python3.11
else
VENV ?= .venv
STAMP = $(VENV)/.set-up
VERSIONS = >= (3, 11)
NEEDED = initlab needs Python 3.11 or newer
REMEDY = PYTHON=python3.12
endif

PY = $(VENV)/$(BIN)/python
NOTEBOOKS = $(sort $(wildcard notebooks/*.ipynb))
# What is saved are the outputs without the check cells, as in a student's copy; the tests
# compare them with a run that has the checks, so a check that changed something is noticed.
# Nothing is saved that differs from run to run: no cell timings, Python version or
# widget state. (The state has to be recorded and then dropped: without it, cells with
# an Output widget fail.)
EXECUTE = --to notebook --inplace --execute \
  --ExecutePreprocessor.kernel_name=python3 \
  --ExecutePreprocessor.record_timing=False \
  --ExecutePreprocessor.skip_cells_with_tag=check \
  --ClearMetadataPreprocessor.enabled=True \
  --ClearMetadataPreprocessor.clear_cell_metadata=False \
  --ClearMetadataPreprocessor.preserve_nb_metadata_mask="{'kernelspec', ('language_info', 'name')}"
# For `lab` alone; set here so that variables of these names in the shell are not used.
ARGS =
WORKBOOK = workbook
ORIGINALS =
# Reopened notebooks show pictures where explorers were.
LAB = --ServerApp.contents_manager_class=initlab.explorers.reopened.Contents $(ALLOW_ROOT) $(ARGS)

# The kernel of this environment comes before one of the same name in the home directory.
export JUPYTER_PREFER_ENV_PATH = 1
# A backend chosen in the shell would keep figures out of the notebooks.
unexport MPLBACKEND

# Two workers share the cores, and one thread adds numbers up in one order.
test notebooks: export OPENBLAS_NUM_THREADS = 1
test notebooks: export OMP_NUM_THREADS = 1

.DEFAULT_GOAL := help
.PHONY: help lab lint test web test-web notebooks bench clean

define HELP
make lab         open your own copies of the notebooks in JupyterLab: WORKBOOK=..., a folder;
                 ORIGINALS=1, to write them; ARGS='...' is passed on to JupyterLab
make lint        check the style and the types of the code
make test        the same, run the tests and compare every notebook's outputs
make web         build the course as pages for a browser, in build/web
make test-web    the same, and test all of them
make notebooks   run all notebooks and save them with their outputs
make bench       measure trainings and sliders beside their peers, and write a picture
make clean       remove the environments and caches

The first run sets up $(VENV), which takes a minute or two.
PYTHON=...       the Python to set up with, 3.11 or newer (now: $(PYTHON))
OLDEST=1         use the oldest supported version of every dependency
endef

help:
	$(info $(HELP))
	@:

lab: $(STAMP)
ifeq ($(ORIGINALS),1)
	"$(PY)" -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(LAB)
else
	"$(PY)" -m initlab.workbook "$(WORKBOOK)"
	"$(PY)" -m jupyterlab --ServerApp.root_dir="$(WORKBOOK)" --LabApp.default_url=/lab/tree/00_start_here.ipynb $(LAB)
endif

lint: $(STAMP)
	"$(PY)" -m ruff check .
	"$(PY)" -m ruff format --check .
	"$(PY)" -m mypy

test: lint
	"$(PY)" -m pytest -n 2 --dist loadfile tests
	"$(PY)" -m pytest -n 2 --dist loadfile --nbval --nbval-current-env notebooks

# Node and KaTeX are needed for building only; web/build.py says so if they are missing.
web: $(STAMP)
	"$(PY)" web/build.py

test-web: export INITLAB_SITE = build/web
test-web: web
	"$(PY)" -m pytest tests/web

notebooks: $(STAMP)
	"$(PY)" -m nbconvert $(EXECUTE) $(NOTEBOOKS)
	"$(PY)" -m nbconvert --log-level WARN --to notebook --inplace --CoalesceStreamsPreprocessor.enabled=True $(NOTEBOOKS)
	"$(PY)" notebooks/tidy.py
ifneq ($(wildcard notebooks/readme_picture.py),)
	"$(PY)" notebooks/readme_picture.py
endif

bench: $(STAMP)
	"$(PY)" benchmarks/trainings.py
	"$(PY)" benchmarks/sliders.py
	"$(PY)" benchmarks/pages.py

# JupyterLab is told not to ask whether it may show news of its own.
# The stamp is written last and --clear empties the environment first, so that an
# interrupted or failed set-up is simply done again.
$(STAMP): pyproject.toml setup.py tests/oldest.py
	@$(PYTHON) -c "import sys; sys.version_info[:2] $(VERSIONS) or sys.exit('$(NEEDED), this is %d.%d. Try: make $(or $(MAKECMDGOALS),lab) $(REMEDY)' % sys.version_info[:2])"
	@echo "Setting up $(VENV): this happens once and takes a minute or two ..."
	@$(PYTHON) -m venv --clear "$(VENV)"
ifeq ($(OLDEST),1)
	@"$(PY)" tests/oldest.py > "$(VENV)/oldest.txt"
endif
	@"$(PY)" -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --editable ".[test,cluster,web]"
	@"$(PY)" -m jupyter labextension disable --log-level=ERROR "@jupyterlab/apputils-extension:announcements"
	@echo done > "$(STAMP)"

clean:
	@$(PYTHON) -c "import glob, shutil; [shutil.rmtree(path, ignore_errors=True) for pattern in '.venv .venv-oldest build dist web/node_modules .pytest_cache .ruff_cache .mypy_cache .hypothesis lib/*.egg-info **/__pycache__ **/.ipynb_checkpoints'.split() for path in glob.glob(pattern, recursive=True)]"
