# calobatch. Two commands are enough on a fresh machine: `make run` and `make test`.
#
#   make run                                the quickstart: set up, simulate, train, report
#   make run SCENARIO=cms                   another scenario of config/
#   make run SET=tasks.electron_photon_cnn.epochs=5
#   make test                               linters, types, unit tests, the whole DAG on tiny data
#   make bench                              measured beside peers and physical limits; 15 minutes
#   make bench ONLY="pack batches"          some of it
#   make setup | lint | format | schema | constraints | clean
#
# On a cluster (README: "On a cluster"), VARIANT=cuda for GPUs:
#
#   make head                               the login node's environment, without torch
#   make wheelhouse                         every wheel, where there is a network
#   make images                             the Apptainer images, from the wheelhouse
#   make doctor                             is all well, before a GPU hour is queued
#   make submit                             the head process as a job of SLURM
#   make bundle TO=/path                    all that a cluster without a network needs
#
# A cluster in containers on this machine, for tests (root and podman):
#
#   make cluster-up | cluster-shell | cluster-test | cluster-down

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
SCENARIO ?= quickstart
SET ?=
ONLY ?=
VENV := .venv
TORCH := $(shell sed -n 's/^torch==//p' environment/constraints.txt)
WHEELS := .cache/wheels/torch-$(TORCH)
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint environment/constraints.txt
PEERS := .cache/bench/peers
# Everything that a rule starts is found here first.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

VARIANT ?= cpu
WHEELHOUSE := .cache/wheelhouse/$(VARIANT)
# Without a network everything comes from the wheelhouse, if there is one.
OFFLINE := $(if $(wildcard $(WHEELHOUSE)/complete),--no-index --find-links $(WHEELHOUSE))

.PHONY: help setup run test bench lint format schema constraints clean \
    head wheelhouse images doctor submit bundle cluster-up cluster-down cluster-shell cluster-test

help:
	@sed -n 's/^#   //p' Makefile

# The stamp is as new as what it was made from: another version of these files sets up anew.
setup: $(VENV)/stamp

$(VENV)/stamp: environment/constraints.txt environment/build_horovod.sh pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	    { echo "setup: Python 3.11 is needed; name it with PYTHON=/path/to/python3.11" >&2; exit 2; }
	@[ -x $(VENV)/bin/python ] || $(PYTHON) -m venv $(VENV) || \
	    { echo "setup: no virtual environment could be made: apt-get install python3-venv" >&2; exit 2; }
	@echo "setup: installing torch and what builds Horovod (about 1 minute)"
	@$(PIP) torch cmake ninja setuptools wheel packaging psutil cloudpickle pyyaml cffi
	@environment/build_horovod.sh $(VENV)/bin/python $(WHEELS)
	@echo "setup: installing everything else (about 2 minutes)"
	@$(PIP) --force-reinstall --no-deps $(WHEELS)/horovod-*.whl  # one version, whatever torch it is built for
	@$(PIP) --no-build-isolation --editable '.[data,simulate,train,results,workflow,dev]'
	@touch $@
	@echo "setup: done; \`source $(VENV)/bin/activate\` to type snakemake and mlflow yourself"

head: $(VENV)/head

# Editable installs are built by setuptools, so that comes first.
$(VENV)/head: environment/constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "head: Python 3.11 or later is needed; name it with PYTHON=/path/to/python3.11" >&2; exit 2; }
	@[ -x $(VENV)/bin/python ] || $(PYTHON) -m venv $(VENV)
	@echo "head: installing snakemake and calobatch (about 1 minute)"
	@$(PIP) $(OFFLINE) setuptools wheel
	@$(PIP) $(OFFLINE) --no-build-isolation --editable '.[workflow]'
	@touch $@
	@echo "head: done; now type \`source $(VENV)/bin/activate\`"

wheelhouse:
	@environment/wheelhouse.sh $(VARIANT)

images:
	@containers/build $(VARIANT)

doctor: head
	@calobatch doctor --scenario $(SCENARIO)

submit: head
	@calobatch submit --scenario $(SCENARIO) $(if $(SET),--set "$(SET)")

bundle:
	@environment/bundle.sh $(or $(TO),$(error say where: make bundle TO=/path)) $(VARIANT)

cluster-up:
	@cluster/testbed/up

cluster-down:
	@cluster/testbed/down

cluster-shell:
	@cluster/testbed/shell

cluster-test: setup
	pytest tests/cluster

run: setup
	@snakemake --profile cluster/local --config scenario=$(SCENARIO) $(if $(SET),set="$(SET)")
	@echo
	@calobatch leaderboard results/$(SCENARIO)/leaderboard.csv
	@echo
	@echo "Report   results/$(SCENARIO)/report.html"
	@echo "MLflow   $(VENV)/bin/mlflow ui     then open http://127.0.0.1:5000"

lint: setup
	ruff check
	ruff format --check
	mypy
	snakefmt --check --line-length 100 Snakefile workflow
	snakemake --lint
	@! git grep -nIE -f tests/struck_words.txt -- . ':!tests/struck_words.txt' ':!*.json' || \
	    { echo "lint: say these in plain words (CONTRIBUTING.md, \"Words\")" >&2; exit 1; }

format: setup
	ruff check --fix
	ruff format
	snakefmt --line-length 100 Snakefile workflow

test: lint
	pytest

bench: setup $(PEERS)/stamp
	@PYTHONPATH=$(CURDIR)/$(PEERS) python -m benchmarks $(ONLY)

# Beside the environment, not in it. Where they cannot be had their rows are left out.
$(PEERS)/stamp: benchmarks/peers.txt
	@rm -rf $(PEERS)
	@mkdir -p $(PEERS)
	@$(PIP) --no-deps --target $(PEERS) --requirement $< && touch $@ || \
	    echo "bench: the other loaders cannot be installed; their rows will be skipped" >&2

schema: setup
	calobatch schema > workflow/schemas/scenario.schema.json
	calobatch schema --markdown > config/README.md

constraints: setup
	@{ grep '^#' environment/constraints.txt; pip list --format=freeze | grep -viE '^(pip|calobatch)==' \
	    | sed 's/+cpu$$//' | sort -f; } > environment/constraints.new
	@mv environment/constraints.new environment/constraints.txt

# Data, results and MLflow are the user's: they are never removed from here.
clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build
