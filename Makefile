# make demo   a fresh machine to a draft report: text on the screen, JSON, SR and HTML in demo-out/
# make test   style, types and every test
# make train-tools   torch and what training and export need, into .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: demo test check train-tools clean

.venv/ready-%: pyproject.toml setup.py $(wildcard indexes/native/*.[ch] runtime/preprocess/native/*.[ch] runtime/native/*.h)
	@test -x $(BIN)/python || { echo "creating .venv"; $(PYTHON) -m venv .venv; }
	@echo "installing cxr-edge ($*) into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(filter dev,$*),--group dev -e ".[cpu$(comma)codecs$(comma)export$(comma)train$(comma)bench]",-e ".[cpu$(comma)codecs]")
	@$(if $(filter dev,$*),$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps open_clip_torch,true)
	@touch $@

comma := ,

demo: .venv/ready-run
	@mkdir -p demo-out
	@echo "drafting a report of examples/phantom.dcm, a synthetic chest radiograph"
	@$(BIN)/cxr-run examples/phantom.dcm
	@$(BIN)/cxr-run examples/phantom.dcm --format json --out demo-out/phantom.json
	@$(BIN)/cxr-run examples/phantom.dcm --format html --out demo-out/phantom.html
	@$(BIN)/cxr-run examples/phantom.dcm --format sr --out demo-out/phantom-sr.dcm
	@echo "demo-out/ holds the same draft as JSON, HTML and DICOM SR; yours: $(BIN)/cxr-run study.dcm"

test: check
	@echo "running the tests"
	@$(BIN)/python -m pytest

# A type checker cannot follow an editable install, so the installed wheel is checked.
check: .venv/ready-dev
	@echo "checking style"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "checking types of the installed wheel"
	@rm -rf build
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel .
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/installed build/wheel/*.whl
	@MYPYPATH=build/installed $(BIN)/mypy --package cxr_edge

# The test environment holds them too.
train-tools: .venv/ready-dev

clean:
	rm -rf .venv build demo-out .pytest_cache .mypy_cache .ruff_cache
