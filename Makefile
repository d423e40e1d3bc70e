# calobatch. Two commands are enough on a fresh machine: `make run` and `make test`.
#
#   make run                                the quickstart: set up, simulate, train, report
#   make run SCENARIO=cms                   another scenario of config/
#   make run SET=tasks.electron_photon_cnn.epochs=5
#   make ui                                 show all runs in the browser, with MLflow's pages
#   make test                               linters, types, unit tests, the whole DAG on tiny data
#   make bench                              compare the speed with other programs and physical limits; 20 minutes
#   make bench ONLY="pack batches"          only these subjects
#   make faults                             flip bits, mutate configurations, fill disks, kill workflows
#   make test-pythons                       tests that need no torch, on the other Python versions
#   make sbom                               list the packages of the environment and the images (CycloneDX)
#   make audit                              look for known vulnerabilities of the pinned packages
#   make setup | lint | format | schema | constraints | clean
#
# On a cluster (README: "On a cluster"). VARIANT, cpu or cuda, is that of cluster/slurm/site.yaml if that
# file exists, and otherwise cpu:
#
#   make head                               set up the login node's environment, without torch
#   make wheelhouse                         download and build every wheel (needs a network)
#   make images                             build the Apptainer images from the wheelhouse
#   make doctor                             check the cluster before a GPU hour is queued
#   make submit                             run the head process as a SLURM job
#   make bundle TO=/path                    one folder with everything that a cluster without a network needs
#
# To use a Python other than python3 (3.11 to 3.13): make setup PYTHON=/path/to/python3.13
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
KILLS ?= 40
VENV := .venv
# Packages in PYTHONPATH would count as installed.
PIP := env --unset=PYTHONPATH $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint environment/constraints.txt --constraint environment/constraints-cuda.txt
PEERS := .cache/bench/peers
AUDIT := .cache/audit
# Rules look for programs in the environment first.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The version of the Python of .venv, or of PYTHON if that is given. Empty if it is not supported.
PYTHON_VERSION := $(shell PATH="$(PATH)" $(PYTHON) environment/check_python.py make 2>/dev/null)

# A number for this folder.
PLACE := $(firstword $(shell echo "$(CURDIR)" | cksum))
# With these variables of the user, pip would install elsewhere than into .venv.
export PIP_USER := 0
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME

# What the site file says about the images, if it exists: $(call of_site,KEY).
of_site = $(shell sed -nE "s/^$(1): *[\"']?([^[:space:]\"']+).*/\1/p" cluster/slurm/site.yaml 2>/dev/null)
SITE_VARIANT := $(call of_site,variant)
VARIANT ?= $(or $(SITE_VARIANT),cpu)
IMAGES := $(or $(call of_site,images),containers/images)
WHEELHOUSE := .cache/wheelhouse/$(VARIANT)
# Installs from the wheelhouse alone, without a network, if it has wheels for this Python.
OFFLINE := $(if $(wildcard $(WHEELHOUSE)/python-$(PYTHON_VERSION)),--no-index --find-links $(WHEELHOUSE))

.PHONY: help setup run ui test faults test-pythons bench sbom audit lint format schema constraints clean \
    head check-variant wheelhouse images doctor submit bundle cluster-up cluster-down cluster-shell cluster-test

help:
	@sed -n 's/^#   //p' Makefile

# The stamp is older than these files once one of them changes: then everything is installed again.
# Its name holds the version of Python and the folder: with another version, or in a copy of the folder,
# .venv is made from scratch.
setup: $(VENV)/setup-$(PYTHON_VERSION)-$(PLACE)

$(VENV)/setup-$(PYTHON_VERSION)-$(PLACE): environment/constraints.txt environment/build_horovod.sh pyproject.toml
	@environment/check_host.sh cpu setup
	@$(call make_venv,setup)
	@echo "setup: installing torch and the tools that build Horovod (about 1 minute)"
	@$(PIP) torch cmake ninja setuptools wheel packaging psutil cloudpickle pyyaml cffi
	@# A Horovod wheel works with the build of torch that it was compiled for, for instance 2.13.0+cpu.
	@wheels=.cache/wheels/torch-$$(python -c 'import importlib.metadata as m; print(m.version("torch"))'); \
	    environment/build_horovod.sh $(VENV)/bin/python $$wheels; \
	    $(PIP) --force-reinstall --no-deps --no-index --find-links $$wheels horovod
	@echo "setup: installing everything else (about 2 minutes)"
	@$(PIP) --no-build-isolation --editable '.[data,simulate,train,export,results,workflow,dev]'
	@touch $@
	@echo "setup: done; to type snakemake and mlflow yourself, \`source $(VENV)/bin/activate\`"

# Where setup has run, all that a head process needs is installed already.
head: $(if $(wildcard $(VENV)/setup-$(PYTHON_VERSION)-$(PLACE)),setup,$(VENV)/head-$(PYTHON_VERSION)-$(PLACE))

# Editable installs are built by setuptools, so it is installed first.
$(VENV)/head-$(PYTHON_VERSION)-$(PLACE): environment/constraints.txt pyproject.toml
	@$(call make_venv,head)
	@echo "head: installing snakemake and calobatch (about 1 minute)"
	@$(PIP) $(OFFLINE) setuptools wheel
	@$(PIP) $(OFFLINE) --no-build-isolation --editable '.[workflow]'
	@touch $@
	@echo "head: done; now type \`source $(VENV)/bin/activate\`"

# Makes .venv with $(PYTHON), unless it was made here and has this version already.
define make_venv
$(PYTHON) environment/check_python.py $(1) >/dev/null; \
if [ "$$($(VENV)/bin/python environment/check_python.py $(1) 2>/dev/null)" != "$(PYTHON_VERSION)" ] || \
    ! grep -qsE " $(CURDIR)/$(VENV)$$" $(VENV)/pyvenv.cfg; then \
    $(PYTHON) -m venv --clear $(VENV) || \
        { echo "$(1): $(PYTHON) could not make the virtual environment $(VENV); name another Python with PYTHON=/path/to/python3, or install the module venv (on Debian: apt-get install python3-venv)" >&2; exit 2; }; \
fi
endef

# What `make wheelhouse images` needs is looked for before the minutes of the first of them.
wheelhouse: check-variant
	@environment/check_host.sh $(VARIANT) $(filter wheelhouse images,$(MAKECMDGOALS))
	@environment/wheelhouse.sh $(VARIANT)

images: check-variant head
	@containers/build $(VARIANT) $(IMAGES)

# A variant other than the site file's may be wanted, for instance in a bundle, but jobs do not use it.
check-variant:
	@[[ "$(or $(SITE_VARIANT),$(VARIANT))" = "$(VARIANT)" ]] || \
	    echo "make: VARIANT is $(VARIANT), but jobs here use the images of variant $(SITE_VARIANT), as cluster/slurm/site.yaml says; leave VARIANT out to follow that file" >&2

doctor: head
	@calobatch doctor --scenario $(SCENARIO)

submit: head
	@calobatch submit --scenario $(SCENARIO) $(if $(SET),--set "$(SET)")

bundle: check-variant
	@environment/bundle.sh $(or $(TO),$(error TO is not set; name the folder to write: make bundle TO=/path)) $(VARIANT)

cluster-up:
	@cluster/testbed/up

cluster-down:
	@cluster/testbed/down

cluster-shell:
	@cluster/testbed/shell

cluster-test: setup
	pytest -n 3 --dist loadfile --no-loadscope-reorder tests/cluster

run: setup
	@snakemake --profile cluster/local --config scenario=$(SCENARIO) $(if $(SET),set="$(SET)")
	@echo
	@calobatch leaderboard $(SCENARIO)
	@echo
	@echo "Report   results/$(SCENARIO)/report.html"
	@echo "MLflow   make ui"

ui:
	@calobatch ui

lint: setup
	ruff check
	ruff format --check
	mypy
	snakefmt --check --line-length 100 Snakefile workflow
	snakemake --lint
	@! git grep -nIE -f tests/struck_words.txt -- . ':!tests/struck_words.txt' ':!*.json' || \
	    { echo "lint: replace these words with plain ones (CONTRIBUTING.md, \"Words\")" >&2; exit 1; }

format: setup
	ruff check --fix
	ruff format
	snakefmt --line-length 100 Snakefile workflow

test: lint
	@tests/run_all

faults: setup
	python -m tests.faults.flips
	python -m tests.faults.fuzz_yaml 20000
	@# It mounts a small file system, which ordinary users may do in a namespace of their own.
	$$([[ $$(id -u) = 0 ]] || echo unshare --map-root-user --mount) python -m tests.faults.full_disk
	python -m tests.faults.kills --kills $(KILLS)

test-pythons:
	@environment/test_pythons.sh

bench: setup $(PEERS)/stamp
	@PYTHONPATH=$(CURDIR)/$(PEERS) python -m benchmarks $(ONLY)

# The other loaders are installed outside .venv. If they cannot be installed, their rows are skipped.
$(PEERS)/stamp: benchmarks/peers.txt
	@rm -rf $(PEERS)
	@mkdir -p $(PEERS)
	@$(PIP) --no-deps --target $(PEERS) --requirement $< && touch $@ || \
	    echo "bench: cannot install the other loaders (is there a network?); their rows will be skipped" >&2

# The tools are installed outside .venv, so that they are not among what they look at.
$(AUDIT)/stamp: .ci/audit.txt
	@rm -rf $(AUDIT)
	@$(PYTHON) -m venv $(AUDIT)/tools
	@$(AUDIT)/tools/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

sbom: setup $(AUDIT)/stamp
	@.ci/sbom $(AUDIT)/tools $(IMAGES) $(AUDIT)

audit: $(AUDIT)/stamp
	@.ci/audit $(AUDIT)/tools

schema: setup
	for file in scenario tasks layout; do calobatch schema $$file > workflow/schemas/$$file.schema.json; done
	calobatch schema --markdown > config/README.md

# Updates the lines for the Python version of .venv; lines for other versions stay as they are.
constraints: setup
	@python environment/constraints.py

# Data, results and MLflow's store belong to the user, so clean never removes them.
clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build
