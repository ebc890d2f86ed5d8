# `make` tells what there is. Everything runs in .venv, which the first target that needs it makes.

PYTHON ?= python3
VENV := .venv/bin
GATES := $(VENV)/python -m tests.gates.run

.DEFAULT_GOAL := help
.PHONY: help venv venv-oldest venv-bench demo demo-multicluster test long lab lab-down lab-status bench lint sanity unit page monitoring integration wire e2e

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: ## Make the Python environment .venv, or bring it up to date
	@$(PYTHON) tests/gates/venv.py dev

venv-oldest: venv
	@$(PYTHON) tests/gates/venv.py oldest

venv-bench: venv
	@$(PYTHON) tests/gates/venv.py bench

demo: venv ## Bring up two clusters on this machine, federate them, call both ways
	$(VENV)/python -m tests.lab up cluster-a cluster-b
	$(VENV)/python -m tests.demo

demo-multicluster: venv ## Bring up two clusters of one domain, join them, call, fail over
	$(VENV)/python -m tests.lab up cluster-d cluster-e --domain cluster-d=mesh.local --domain cluster-e=mesh.local
	$(VENV)/python -m tests.demo.multicluster

test: venv-oldest ## Run all gates
	@$(GATES)

lab: venv ## Bring up the two clusters of the demo
	$(VENV)/python -m tests.lab up cluster-a cluster-b

lab-down: venv ## Take the lab of this checkout down completely
	$(VENV)/python -m tests.lab down

lab-status: venv ## Show what of the lab is running
	$(VENV)/python -m tests.lab status

bench: venv-bench ## Measure against kubernetes.core, kubectl and a bare client
	$(VENV)/python -m tests.benchmark

lint: venv ## ruff, mypy, changelog fragments, ansible-lint
	@$(GATES) lint

sanity: venv ## ansible-test sanity, without containers
	@$(GATES) sanity

unit: venv-oldest ## Unit tests under the newest and the oldest ansible-core
	@$(GATES) unit

page: venv ## The HTML page in a headless Chromium
	@$(GATES) page

monitoring: venv ## Alerts and dashboard, with Debian's promtool
	@$(GATES) monitoring

integration: venv ## Modules and exporter against real API servers
	@$(GATES) integration

wire: venv ## Modules, roles and exporter against a simulated Deckhouse cluster
	@$(GATES) wire

e2e: venv ## Complete clusters of upstream Istio and as Deckhouse sets them up, federated
	@$(GATES) e2e

long: venv ## 500 runs at faulty API servers, 50 changes planned and made, ten runs killed, two at once, a root rotated under load, secrets, all faults seen by the playbooks
	ALLIANCE_FAULT_RUNS=$${ALLIANCE_FAULT_RUNS:-500} ALLIANCE_PLAN_CHANGES=$${ALLIANCE_PLAN_CHANGES:-50} \
	$(VENV)/python -m pytest tests/integration/faults tests/integration/test_plan_and_run.py tests/integration/test_rendering.py
	ALLIANCE_KILL_POINTS=$${ALLIANCE_KILL_POINTS:-10} ALLIANCE_TWO_RUNS=$${ALLIANCE_TWO_RUNS:-20} ALLIANCE_PLAYBOOK_FAULTS=$${ALLIANCE_PLAYBOOK_FAULTS:-100} \
	$(VENV)/python -m pytest tests/e2e/test_06_killed.py tests/e2e/test_06_two_runs.py tests/e2e/test_07_rotation.py tests/e2e/test_10_multicluster.py::test_killed_runs_are_completed_by_the_next \
	tests/e2e/test_11_secrets.py tests/e2e/test_12_verify.py
