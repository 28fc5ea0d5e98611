# Two commands matter to a newcomer: `make demo` and `make test`. Each sets up what it needs.
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup demo test check format lock docs

setup:
	@scripts/bootstrap

demo: setup ## train, package, deploy, route and call two versions of a digit classifier
	@$(BIN)/python -m examples.digits.demo $(if $(EXIT),--exit)

check: setup ## all a change needs before it is committed, under 50 s
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/lint-imports --no-cache >/dev/null && $(BIN)/pyright --warnings && echo "check: ok"

format: setup
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

test: setup ## every test, fast ones first
	@$(BIN)/pytest packages && $(BIN)/pytest journeys

lock: setup ## rewrite requirements.lock from the pyproject files
	@$(BIN)/uv pip compile pyproject.toml packages/modelway/pyproject.toml packages/modelway-platform/pyproject.toml \
	  --all-extras --group dev --group examples --group benchmarks --group docs --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-package modelway --python-version 3.11 --quiet -o requirements.lock

docs: setup ## build the site into site/, failing on broken links
	@$(BIN)/zensical build --strict --clean
