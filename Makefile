# `make` tells what there is. Everything runs in .venv, which the first target that needs it makes.

PYTHON ?= python3
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help venv

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: ## Make the Python environment .venv, or bring it up to date
	@$(PYTHON) tests/gates/venv.py dev
