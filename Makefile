# make rehearse   the main job, for real, on throwaway hosts
# make test       unit and integration tests, and one rehearsal from end to end
# make test-all   that and what takes longer: both InfluxDB engines, every end-to-end test
# make unit       the quick loop
# make bench      how fast it is, beside what else there is (OPTIONS=noop: one of bench/ alone)
#
# On a fresh Debian 12 machine, as root, each of them sets up what it needs.

SHELL := /bin/bash
# Python keeps what it compiled, as on an operator's machine: else each process compiles all anew.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
PYTHON := $(VENV)/bin/python
PACKAGES := python3 python3-venv debootstrap systemd-container iproute2 iptables openssh-client \
	apt-utils gnupg gpgv ca-certificates procps curl

# The fingerprint of all files of the project, where git knows them.
FILES = $$(git ls-files -co --exclude-standard -z 2>/dev/null | xargs -0 -r sha256sum 2>/dev/null \
	| sha256sum | cut -c 1-64)
ONCE = PROVISION_PASSED=$(VENV)/passed.json PROVISION_FILES="$(FILES)"

.PHONY: rehearse test test-all bench unit lint check-tree clean

rehearse: $(VENV)/ready
	$(VENV)/bin/provision rehearse $(OPTIONS)

# How fast it is, beside what else there is: an hour and more.
bench: $(VENV)/ready
	$(PYTHON) -m bench $(OPTIONS)

unit: $(VENV)/ready
	$(PYTHON) -m pytest -q -n 2 --ignore tests/integration --ignore tests/e2e $(OPTIONS)

test: lint
	$(ONCE) $(PYTHON) -m pytest -p tests.passed -n 4 -m "not long" $(OPTIONS)

# Whole files of tests that have just passed, on the very same files, are not run again, nor is what
# came before them. Tests on hosts often wait for something.
test-all: $(VENV)/ready
	@grep -qs '"files": "'"$(FILES)"'"' $(VENV)/passed.json || $(MAKE) --no-print-directory lint
	$(ONCE) PROVISION_TEST_ALL=1 $(PYTHON) -m pytest -p tests.passed -n 5 $(OPTIONS)

lint: $(VENV)/ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/yamllint --strict playbooks provision/catalogs
	cd playbooks && PATH="$(CURDIR)/$(VENV)/bin:$$PATH" ANSIBLE_HOME=$(HOME)/.cache/provision/ansible \
	  ansible-lint --offline --profile production -q

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache

# Only packages that are missing are installed; apt's lists are fetched only then.
$(VENV)/ready: pyproject.toml Makefile
	@set -e; SECONDS=0; missing=(); for package in $(PACKAGES); do \
	  dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' \
	    || missing+=("$$package"); \
	done; \
	if (( $${#missing[@]} )); then \
	  echo "installing Debian's $${missing[*]} ..."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq -y --no-install-recommends "$${missing[@]}" >/dev/null; \
	fi; \
	echo "setting up $(VENV) ..."; \
	python3 -m venv $(VENV) && \
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]' && \
	touch $@ && echo "set up: $$SECONDS s"
