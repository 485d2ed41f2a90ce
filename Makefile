# The verbs of this project; the work is done in scripts/.

SHELL := /bin/sh
.DEFAULT_GOAL := help
# Where rustup puts cargo, for shells that have not read its profile.
export PATH := $(PATH):$(HOME)/.cargo/bin

SEED ?= 1
FAULTS ?= 50
MINUTES ?= 10

.PHONY: help demo check-deploy check-cluster build test lint fmt bench chaos outage deny fuzz check-alerts test-servers test-servers-down warehouse check-warehouse bench-warehouse clean soak check-monitoring check-wiring check-upgrade check-bi

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the whole stream on this machine; ARGS="--duration 30s --rate 5000 --report report.json"
	@scripts/demo.sh $(ARGS)

build: ## build everything
	cargo build --workspace

test: ## all checks and all tests, against real servers that it installs, starts and ends
	@scripts/test.sh

lint: ## format, lints with warnings denied, no machine's paths or secrets, documents that name what exists
	@scripts/lint.sh

fmt: ## format the code
	cargo fmt --all

chaos: ## break the whole stack on purpose: SEED=1 FAULTS=50; ends with the verdict
	@scripts/chaos.sh $(SEED) $(FAULTS)

outage: ## Postgres away for two minutes under load, and what the parts made of it: ARGS="--kind disk-full --seconds 120 --rate 2000"
	@scripts/outage.sh $(ARGS)

check-alerts: ## seconds from a scenario's first event to a webhook, through a real Prometheus and Alertmanager: ARGS="concept-drift 15", "all" or "quiet 600"
	@scripts/check-alerts.sh $(ARGS)

check-monitoring: ## rules, routes, notifications, and every panel of every dashboard against a demo
	@scripts/check-monitoring.sh

bench: ## run the benchmarks, each stage against its own limit on real servers among them
	@scripts/bench.sh

soak: ## memory of each part, idle and under full load, as a table: MINUTES=10
	@scripts/soak.sh $(MINUTES)

test-servers: ## start Kafka, schema registry and Postgres for `cargo test`
	@scripts/test-servers.sh up

test-servers-down: ## end them and delete their data
	@scripts/test-servers.sh down

warehouse: ## build the star schema in the database of CHURN__POSTGRES__URL or of a running demo; ARGS="test" or other dbt arguments
	@scripts/warehouse.sh $(ARGS)

check-warehouse: ## build the warehouse through a stream's life on a Postgres of its own; ARGS=mutations proves its tests able to fail
	@scripts/check-warehouse.sh $(ARGS)

bench-warehouse: ## a million scores in full, then 100,000 more: times, their ratio, comparison with a full refresh
	@scripts/bench-warehouse.sh

check-bi: ## import the dashboards into a Superset of its own and open each in headless Chromium; pictures into docs/images
	@scripts/check-bi.sh

deny: ## licences, known faults and sources of the dependencies (needs cargo-deny and the network)
	cargo deny check

check-deploy: ## check compose, Kubernetes, Terraform, workflows and image; ARGS="compose image" for some of it
	@scripts/check-deploy.sh $(ARGS)

check-wiring: ## start the compose files' platform in containers and judge it (root; needs no Docker)
	@scripts/check-wiring.sh

check-upgrade: ## a rolling upgrade from an older version under load, back, and forth: ARGS="COMMIT"
	@scripts/check-upgrade.sh $(ARGS)

check-cluster: ## the overlays in a real control plane with fake nodes (built once, 20 minutes)
	@scripts/check-cluster.sh

fuzz: ## fuzz every door for bytes from outside for a minute each (needs nightly Rust and cargo-fuzz)
	@for door in avro framing csv manifest http_rows; do cargo +nightly fuzz run $$door -- -max_total_time=60 || exit 1; done

clean: test-servers-down ## remove everything that was built or fetched
	cargo clean
	rm -rf .tools
