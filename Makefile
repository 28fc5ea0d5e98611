# Two commands matter to a newcomer: `make demo` and `make test`. Each sets up what it needs.
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Set in many containers' shells; every process of a platform would compile all its modules at each start: more than twice the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-job-kills check check-lint check-imports check-types check-architecture format lock docs \
  test-faults bench-gateway bench-routes bench-serving bench-serving-grpc bench-promises bench-start bench-images bench-tables bench-verdicts

setup:
	@scripts/bootstrap && mkdir -p .cache

demo: setup ## train, package, deploy, route and call two versions of a digit classifier
	@$(BIN)/python -m examples.digits.demo $(if $(EXIT),--exit)

check: setup ## all a change needs before it is committed, under 50 s
	@$(MAKE) --no-print-directory --output-sync=target -j4 check-lint check-imports check-types check-architecture && echo "check: ok"

check-lint:
	@ruff format --no-cache --check --quiet . && ruff check --no-cache --quiet .

check-imports:
	@lint-imports --no-cache > .cache/imports.txt 2>&1 || { cat .cache/imports.txt; exit 1; }

check-types:
	@pyright --warnings > .cache/types.txt 2>&1 || { tail -30 .cache/types.txt; exit 1; }

check-architecture:
	@python scripts/architecture.py --check

format: setup
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

test: setup ## every test, fast ones first
	@scripts/test-parts
	@scripts/test-frameworks
	@python scripts/run_tests.py

test-faults: setup ## the rows of faults in their long form, each printing its number: ten minutes at most
	@scripts/test-parts
	@python -m journeys.faults

.PHONY: bench-rolling
bench-rolling: setup ## 20 rolling updates under load on processes, containers, pods and jobs: requests and failures; ten minutes, ARGUMENTS="--updates 3 --operators slurm" asks for less
	@scripts/test-parts
	@$(BIN)/python -m benchmarks.rolling $(ARGUMENTS)

.PHONY: test-operators
test-operators: setup ## the contract of all operators on real parts, Podman's service included: five minutes
	@scripts/test-parts
	@MODELWAY_TEST_PODMAN=1 $(BIN)/pytest packages/modelway-platform/tests/deploy/real_operators -v

lock: setup ## rewrite requirements.lock from the pyproject files
	@$(BIN)/uv pip compile pyproject.toml packages/modelway/pyproject.toml packages/modelway-platform/pyproject.toml \
	  --all-extras --group dev --group examples --group benchmarks --group docs --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-package modelway --python-version 3.11 --quiet -o requirements.lock

docs: setup ## build the site into site/, failing on broken links
	@$(BIN)/zensical build --strict --clean

bench-gateway: setup ## our gateway, nginx and Envoy before the same upstream, in turn
	@python -m benchmarks.gateway

bench-routes: setup ## CPU per decision with 10, 1,000 and 10,000 routes that publish URLs
	@python -m benchmarks.routes

bench-serving: setup ## our model server and its peers with the same models, in turn: 25 minutes; ARGUMENTS="--help" says how to ask for less
	@python -m benchmarks.serving $(ARGUMENTS)

.PHONY: plot-serving
plot-serving: setup ## the picture of a run: ARGUMENTS="RECORDS.json PICTURE.svg", records as bench-serving writes them with --output
	@python -m benchmarks.serving.plot $(ARGUMENTS)

bench-serving-grpc: setup ## the same over gRPC alone
	@python -m benchmarks.serving --workloads w1g w3g $(ARGUMENTS)

test-job-kills: setup ## row R6: 50 kills of jobs process and gateway workers under acknowledged jobs; three to five minutes
	@python -m journeys.job_kills $(ARGUMENTS)

bench-promises: setup ## exact shares, kills under load, propagation, replacement, restart: measured with real processes
	@python -m journeys.figures

bench-start: setup ## installed sizes, `modelway --help`, and how soon `modelway serve` is ready
	@python -m benchmarks.sizes

bench-verdicts: setup ## how often verdicts are wrong and how soon right ones come, looked at every second, alone and in whole rollouts; six to ten minutes
	@python -m benchmarks.verdicts

bench-tables: setup ## how soon a change is used by all gateway workers at 10 and 5,000 models, and what a worker weighs
	@python -m benchmarks.table_updates

bench-images: setup ## an image of a package, cold, unchanged and after a code change; what a push then sends
	@python -m benchmarks.images

.PHONY: bench-logs
bench-logs: setup ## records lost, lag, cost of collecting and of logging, time of questions; two minutes, ARGUMENTS="--seconds 600 --hundred-million" for the full run
	@python -m benchmarks.logs $(ARGUMENTS)

.PHONY: bench-console
bench-console: setup ## how soon each page of the console is painted, with its octets, requests and CPU time; two minutes, ARGUMENTS="--loads 3" asks for less
	@$(BIN)/python -m benchmarks.console_pages $(ARGUMENTS)

.PHONY: bench-mirrors
bench-mirrors: setup ## p50 and p99 of callers without a mirror, and with a healthy, slow, dead and failing one
	@python -m benchmarks.mirrors

.PHONY: bench-gpu
bench-gpu: setup ## the PyTorch and ONNX examples on a GPU, batched and one by one; PYTHON is one that has torch and modelway[serve]
	@$${PYTHON:-.cache/frameworks/torch/bin/python} -m benchmarks.gpu $(ARGUMENTS)

.PHONY: bench-batching bench-load-cycles
bench-batching: setup ## what batching costs a lone caller, and what holding batches back brings many
	@$(BIN)/python -m benchmarks.batching

bench-load-cycles: setup ## memory after 200 times loading and unloading a model
	@$(BIN)/python -m benchmarks.load_cycles

.PHONY: lock-bases
lock-bases: setup ## write the locks of the shipped base images anew
	@scripts/lock-bases

.PHONY: bench-model-processes
bench-model-processes: setup ## a model in a thread, and in one and two processes of its own, with tensors of 1 MiB: a minute
	@$(BIN)/python -m benchmarks.model_processes $(ARGUMENTS)

.PHONY: bench-deploy
bench-deploy: setup ## apply to answer on this machine and in containers, a change of code, 200 deployments at once, 5,000 held; ARGUMENTS="--only many" asks for less
	@python -m benchmarks.deploy $(ARGUMENTS)

.PHONY: soak
soak: setup ## load of every kind for an hour: what grows, what fails; ARGUMENTS="--minutes 5" asks for less
	@$(BIN)/python -m journeys.soak $(ARGUMENTS)
