# `make` alone lists the targets. Recipes only call scripts.

.DEFAULT_GOAL := help
.PHONY: help up down status logs topic clean build fmt lint deny docs-check asyncapi-check test chaos soak chaos-broken fuzz bench bench-queries bench-read-marks experiment-read-receipts

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-24s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## start everything and print what to open
	@deploy/run.sh up

down: ## stop everything, data stays
	@deploy/run.sh down

status: ## what runs, where, and whether it is ready
	@deploy/run.sh status

logs: ## follow a log: make logs SERVICE=persister
	@deploy/run.sh logs "$(SERVICE)" -f

topic: ## print a Kafka topic from its beginning: make topic TOPIC=chat-events
	@deploy/run.sh kafka-console "$(TOPIC)"

clean: ## stop everything and delete its data
	@deploy/run.sh clean

build: ## the binaries, release profile
	cargo build --release --locked --workspace --bins

fmt: ## format the code
	cargo fmt --all

lint: deny docs-check ## formatting, clippy, dependency rules, shell scripts, documents
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	shellcheck -x -P SCRIPTDIR deploy/*.sh deploy/native/*.sh deploy/native/lib/*.sh .ci/run

deny: ## licences, sources, and who may use which library
	cargo deny --locked --log-level error check bans licenses sources

docs-check: ## what the documents name exists
	@deploy/docs-check.sh

asyncapi-check: ## docs/asyncapi.yaml with the official command-line tool (the first run installs it)
	@deploy/asyncapi-check.sh

test: ## every suite; installs and starts what it needs, leaves nothing running
	@deploy/test.sh

chaos: ## break one part after the other under load, and prove that nothing is lost: make chaos FAULT=kill COMPONENT=persister SEED=7 RUNS=1
	@deploy/chaos.sh

soak: ## one long load with one fault after the other, one verdict, and a plot: make soak MINUTES=30 SEED=1
	@SOAK="$(or $(MINUTES),30)" deploy/chaos.sh

chaos-broken: ## break the services themselves, and prove that the checker notices
	@deploy/chaos-broken.sh

fuzz: ## make up input for a parser: make fuzz TARGET=stomp_decoder SECONDS=600
	@deploy/fuzz.sh "$(TARGET)" "$(SECONDS)"

bench: ## what encoding one event for 1,000 receivers costs each of them, and what counting a message towards a rate costs
	cargo bench --locked -p ws-gateway --bench fan_out --bench rates

bench-queries: ## plans and latencies of the queries on 1,000,000 messages: make bench-queries MESSAGES=1000000
	@deploy/bench-queries.sh

bench-read-marks: ## CPU-µs of one read mark in every process, from the client to the row, in rooms of 10 and of 1,000
	@deploy/bench-read-marks.sh

experiment-read-receipts: ## ways to move a read mark compared, with 1 to 256 readers: marks/s, ms, retries, lost updates
	@deploy/experiment-read-receipts.sh
