# make run, make test: the two commands. A machine with Python 3.11 and make is enough.

PORT ?= 8000
BASE_PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTHON := .venv/bin/python
export PORT

.PHONY: run test test-faults test-scale-out test-clients check bench install clean

run: install .env
	@exec $(PYTHON) manage.py up

# Neighbours stay with one worker, who shares what they share; who has nothing left takes from another's end. Three for two
# processors: one of them mostly waits, for processes that it has started.
test: install
	@$(PYTHON) -m pytest -n $(or $(JOBS),3) --dist worksteal -rsR $(ARGS)

# Needs redis-server, rabbitmq-server and nodejs; what is missing is skipped, and said. See docs/faults.md. And production as
# docs/operate.md has it: systemd's units, and a database that comes back to a moment.
test-faults: install
	@$(PYTHON) -m pytest -n $(or $(JOBS),2) --dist loadgroup -rs tests/faults/webhooks tests/faults/operations $(ARGS)

# Clients generated from the description run a programme against a product, and so do the acceptance programs. Needs nodejs and npm; what is
# missing is skipped, and said.
test-clients: install
	@$(PYTHON) -m pytest -rs tests/clients $(ARGS)

# Needs nginx, pgbouncer, rabbitmq-server and nodejs, and says what is missing. See docs/scale-out.md.
test-scale-out: install
	@$(PYTHON) -m tests.scale_out $(ARGS)

check: install
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -W ignore -m tests.migrations
	@$(PYTHON) -m pytest -q tests/test_house.py

bench: install .env
	@$(PYTHON) -m bench $(ARGS)

# The stamp holds what was installed and where, so that a changed pin, a moved clone or a killed installation starts again.
install:
	@test -n "$(BASE_PYTHON)" || { echo "Incenta needs Python 3.11 or newer, and there is no python3 here."; exit 1; }
	@wanted="$$(cksum < requirements.txt) $(CURDIR)"; \
	if [ "$$(cat .venv/installed 2>/dev/null)" != "$$wanted" ] || ! $(PYTHON) -c "" 2>/dev/null; then \
		$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
			|| { echo "Incenta needs Python 3.11 or newer; $(BASE_PYTHON) is $$($(BASE_PYTHON) -V). Name another: make BASE_PYTHON=…"; exit 1; }; \
		echo "Installing into .venv: about a minute, once."; \
		rm -f .venv/installed; \
		$(BASE_PYTHON) -m venv --clear .venv || { echo "Python's venv module is missing (on Debian: apt-get install python3-venv)."; exit 1; }; \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt || exit 1; \
		echo "$$wanted" > .venv/installed; \
	fi

.env:
	@printf '%s\n' \
		'# Written by make: this clone is for development. .env.example explains every setting.' \
		'DEBUG=true' \
		'INCENTA_ALLOW_PRIVATE_WEBHOOKS=true' > .env

clean:
	@test ! -e .data/up.lock || { echo "Incenta is running here: stop it first."; exit 1; }
	rm -rf .venv .data .pytest_cache .mypy_cache .ruff_cache .hypothesis
