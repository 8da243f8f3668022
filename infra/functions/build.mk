# What `sam build` calls for each function: its CodeUri is a folder here, and names the artefact of requirements/build.py.
PYTHON ?= python3

build-%:
	@$(PYTHON) ../../../requirements/build.py $(notdir $(CURDIR)) --into "$(ARTIFACTS_DIR)"
