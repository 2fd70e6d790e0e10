# The two commands are `make demo` and `make test`: both install what they miss. The rest is for people who work on Apus.
# What a target does is in Scripts/, one readable script each.

SHELL := /bin/bash
export PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick needs build test-swift test-python test-pythons test-ecosystem conformance differential check-memory \
	check-threads wheel stand-ins sdist format lint bench bench-python clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the main job: six nodes, two drivers, a zone lost and found again (writes demo.html)
	@Scripts/demo

test: ## everything: Swift's tests, the wheel, Python's, psycopg2's own and other packages' on real servers
	@Scripts/test

test-quick: ## the tests that need no server, in both languages: under a minute once everything is built
	@Scripts/test-quick

needs: ## install what is missing: libpq, PostgreSQL, Python's headers, pkg-config, openssl
	@Scripts/install-needs

build: ## both Swift packages, debug
	swift build
	swift build --package-path Tools

test-swift: ## Swift's tests, and a consumer package built without Python
	@Scripts/test-swift

test-python: ## the wheel into .venv, then pytest (PYTEST_ARGS="-k name" to choose)
	@Scripts/test-python

test-pythons: ## the same, and psycopg2's own suite, on CPython 3.9, 3.11 and 3.13, as far as they are found
	@Scripts/test-pythons

test-ecosystem: ## Django, SQLAlchemy, pandas and others on the wheel (ECOSYSTEM_ARGS="-k name" to choose)
	@Scripts/test-ecosystem

conformance: ## psycopg2's own test suite on the wheel (CONFORMANCE_ARGS="--module test_copy" to choose), and differential's
	@Scripts/conformance

differential: ## the same scripts on psycopg2 and on Apus (DIFFERENTIAL_ARGS="--scripts 5000 --seed 7" for more)
	@Scripts/conformance --differential

check-memory: ## everything that the extension has, under valgrind's memcheck
	@Scripts/check-memory

check-threads: ## Swift's tests under ThreadSanitizer
	@Scripts/check-threads

wheel: ## dist/*.whl for $PYTHON
	@Scripts/wheel

stand-ins: ## dist/*.whl: empty packages of psycopg2's names, for those who require it by name
	@Scripts/stand-ins

sdist: ## dist/*.tar.gz
	@Scripts/wheel --sdist

format: ## rewrite the Swift code in the house's format
	swift format format --in-place --recursive --parallel Package.swift Sources Tests Tools/Package.swift Tools/Sources Tools/Tests Examples

lint: ## format, rooms (who imports whom), arithmetic that may trap, Python's style
	@Scripts/lint

bench: ## every benchmark under Benchmarks/
	@Scripts/bench

bench-python: ## Apus beside psycopg2, psycopg 3 and asyncpg (BENCH_ARGS="--quick --only select1" to choose)
	@Benchmarks/python/run $(BENCH_ARGS)

clean: ## remove all that was built
	rm -rf .build Tools/.build Benchmarks/.build .build-wheel-* .build-consumer .venv .venv-* build dist demo.html Python/*.egg-info
