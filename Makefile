# The main commands are `make demo` and `make test`. A command makes the virtual environment that it
# needs: .venv, or .venv-docs and .venv-dist for what cannot share one with the tests.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# By file, because the most expensive fixtures are those of a module; in the order that conftest.py gives. Twice as many
# processes as cores, because many tests wait for a server, a browser, or another program.
PYTEST := $(BIN)/pytest --numprocesses $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN)) --dist loadfile --no-loadscope-reorder
JAVASCRIPT_SDK := @aws-sdk/client-detective@3.1048.0
AXE := axe-core@4.14.1
ESLINT := eslint@10.15.0
PRETTIER := prettier@3.10.1
# The JavaScript that is written here; what is beside it in folders of `parts` is fetched.
SCRIPTS := eslint.config.mjs examples/web_backend/page/*.js $(addprefix detective_async/testing/page/static/,*.js parts/*.js)
# It leaves the HTML templates alone, in which a line break may take away a blank.
PRETTIER_OPTIONS := --log-level warn --print-width 120 --embedded-language-formatting off
# Rooms that call the client as any program does, or neither send nor read: how it sends and reads is compared with and
# without the shortcuts in api/ and http/, and all rooms of its own parts and jobs run without them.
NOT_PLAIN := benchmarks cli docs examples public_api settings testing
SOURCES := $(shell find detective_async -type f -not -name '*.pyc') pyproject.toml hatch_build.py README.md LICENSE

.PHONY: demo picture web test test-fast test-deep test-plain test-version soak check lint types docs format parts bench bench-quick bench-python api parity dist clean

demo: $(VENV)/package $(VENV)/demo  ## what the command does, in one screen, on the embedded simulator
	$(BIN)/python examples/demo.py $(ARGS)

picture: $(VENV)/package $(VENV)/demo  ## draw the README's picture of the demo
	$(BIN)/python examples/demo.py --picture docs/_static/demo.svg

web: $(VENV)/package  ## a backend with a page for operators, on a simulated world of 40 accounts in 3 regions
	$(BIN)/python examples/web_backend $(ARGS)

# Every process would compile all tests anew, where a machine's environment says that no bytecode be written.
test test-fast test-deep test-plain test-version: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/package $(VENV)/test $(VENV)/javascript  ## run the whole test suite against the built wheel
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-fast: $(VENV)/package $(VENV)/test  ## within a minute: no browser, no AWS CLI, no load, and nothing else that takes seconds
	$(PYTEST) -m "not (browser or cli or load or slow)" $(ARGS)

test-deep: $(VENV)/package $(VENV)/test  ## the property tests with many more examples, other ones each time
	$(PYTEST) --hypothesis-profile deep -m hypothesis $(ARGS)

test-plain: export DETECTIVE_ASYNC_DIRECT_REQUESTS = off
test-plain: export DETECTIVE_ASYNC_COMPILED_READERS = off
test-plain: $(VENV)/package $(VENV)/test  ## what sends and reads, without direct requests and without compiled readers
	$(PYTEST) -m "not (browser or cli or load or once or shortcut)" $(NOT_PLAIN:%=--ignore=tests/%) $(ARGS)

# In debug mode, asyncio finds calls from the wrong thread; under coverage it would take too long.
test-version: export TESTS_ASYNCIO_DEBUG = on
test-version: $(VENV)/package $(VENV)/test  ## what depends on the version of Python, in asyncio's debug mode, without coverage
	$(PYTEST) -o asyncio_debug=true -m "not (browser or cli or once)" $(ARGS)

soak: $(VENV)/package $(VENV)/test  ## 200,000 calls with 5 % faults, after which everything must be as before; in minutes
	cd tests && $(abspath $(BIN))/python -W error -m soak $(ARGS)

check: lint types  ## format, lint, imports and types, over package, tests, examples and benchmarks

lint: $(VENV)/package $(VENV)/check $(VENV)/javascript
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	[ ! -d $(VENV)/node_modules ] || $(VENV)/node_modules/.bin/prettier --check $(PRETTIER_OPTIONS) $(SCRIPTS)
	[ ! -d $(VENV)/node_modules ] || $(VENV)/node_modules/.bin/eslint $(SCRIPTS)

types: $(VENV)/package $(VENV)/check
	$(BIN)/mypy detective_async tests examples benchmarks
	$(BIN)/basedpyright --pythonpath $(BIN)/python

docs: $(VENV)-docs/docs  ## the documentation as a site, in docs/_build
	$(VENV)-docs/bin/sphinx-build -W --keep-going -n -q -b html docs docs/_build

format: $(VENV)/check $(VENV)/javascript
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	[ ! -d $(VENV)/node_modules ] || $(VENV)/node_modules/.bin/prettier --write $(PRETTIER_OPTIONS) $(SCRIPTS)

parts: $(VENV)/test  ## fetch the vendored libraries of the web pages again, in the versions that the script names
	cd tests && $(abspath $(BIN))/python -m support.page_parts

bench: $(VENV)/package $(VENV)/bench  ## compare with bare aiohttp and the other clients, in twenty minutes
	$(BIN)/python benchmarks/run.py $(ARGS)

bench-quick: $(VENV)/package $(VENV)/bench  ## the same in a minute, to see that it works
	$(BIN)/python benchmarks/run.py --quick $(ARGS)

bench-python: $(VENV)/package $(VENV)/bench  ## an environment for run.py --pythons: PYTHON=python3.13 VENV=.venv-3.13

api: $(VENV)/package $(VENV)/test  ## record the public API of the version that is about to be released
	cd tests && $(abspath $(BIN))/python -m public_api

parity: $(VENV)/package $(VENV)/test  ## write the page about what the simulator models, from the data beside it
	cd tests && $(abspath $(BIN))/python -m docs.parity

# The second build makes the wheel from the working tree, the first one from the sdist.
dist: $(VENV)-dist/dist  ## the sdist and the wheel, in dist/: built twice to the same bytes, and checked
	rm -rf dist build/again
	$(VENV)-dist/bin/python -m build --outdir dist
	$(VENV)-dist/bin/python -m build --sdist --wheel --outdir build/again
	diff -r dist build/again
	$(VENV)-dist/bin/twine check --strict dist/*
	$(VENV)-dist/bin/check-wheel-contents dist

clean:
	rm -rf .venv* dist build docs/_build

# The wheel is what users get, so it is what is tested: nothing here runs from the source folder.
$(VENV)/package: $(SOURCES) | $(VENV)/pip
	rm -rf $(VENV)/wheel
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir $(VENV)/wheel .
	$(BIN)/pip uninstall --quiet --yes detective-async
	$(BIN)/pip install --quiet $(VENV)/wheel/*.whl
	@touch $@

# What the command and its demo need beside the package.
$(VENV)/demo: pyproject.toml | $(VENV)/package
	$(BIN)/pip install --quiet "$$(ls $(VENV)/wheel/*.whl)[cli]"
	@touch $@

$(VENV)/test $(VENV)/check $(VENV)/bench: pyproject.toml | $(VENV)/pip
	$(BIN)/pip install --quiet --group $(@F)
	@touch $@

# The AWS SDK for JavaScript, which calls the simulator, axe-core, which checks the accessibility of the web pages, and the
# linters of their JavaScript. Without npm, or without a network, all that is skipped.
$(VENV)/javascript: Makefile | $(VENV)/pip
	command -v npm >/dev/null && npm install --prefix $(VENV) --no-save --no-audit --no-fund --ignore-scripts --silent \
		$(JAVASCRIPT_SDK) $(AXE) $(ESLINT) $(PRETTIER) \
		|| echo "without npm: no test of the AWS SDK for JavaScript, of the rules of axe-core, and of the form of JavaScript"
	@touch $@

# An environment of its own: the AWS CLI, which the tests need, insists on a docutils that is too old for Sphinx.
$(VENV)-docs/docs: $(SOURCES) | $(VENV)/pip
	$(BIN)/python -m venv $(VENV)-docs
	$(VENV)-docs/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-docs/bin/pip install --quiet --group docs '.[cli,opentelemetry,progress]'
	@touch $@

$(VENV)-dist/dist: pyproject.toml | $(VENV)/pip
	$(BIN)/python -m venv $(VENV)-dist
	$(VENV)-dist/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-dist/bin/pip install --quiet --group dist
	@touch $@

# pip supports dependency groups since 25.1, and some Pythons come with an older one.
$(VENV)/pip:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: say PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@
