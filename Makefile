# `make demo` and `make test` install what is missing. The other targets are for contributors: see CONTRIBUTING.md,
# which also says how long each takes. Each target is a script in Scripts/.

SHELL := /bin/bash
export PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick needs build test-swift test-python test-pythons test-ecosystem conformance differential check-memory \
	check-threads wheel stand-ins sdist format lint bench bench-python clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run both drivers on six nodes through the loss of a zone and its recovery; writes demo.html
	@Scripts/demo

test: ## run all tests, on real servers: Swift, Python, psycopg2's own suite, other packages
	@Scripts/test

test-quick: ## run the tests that need no server, in both languages: less than a minute after the build
	@Scripts/test-quick

needs: ## install what is missing: libpq, PostgreSQL, Python headers, pkg-config, openssl
	@Scripts/install-needs

build: ## build both Swift packages for debugging
	swift build
	swift build --package-path Tools

test-swift: ## run the Swift tests, and build a package that depends on Apus without Python
	@Scripts/test-swift

test-python: ## install the wheel into .venv and run the Python tests (PYTEST_ARGS="-k name" selects)
	@Scripts/test-python

test-pythons: ## run the Python tests and psycopg2's own suite on CPython 3.9, 3.11 and 3.13, if installed
	@Scripts/test-pythons

test-ecosystem: ## test Django, SQLAlchemy, pandas and others on the wheel (ECOSYSTEM_ARGS="-k name" selects)
	@Scripts/test-ecosystem

conformance: ## run psycopg2's own suite (CONFORMANCE_ARGS="--module test_copy" selects) and the differential tests
	@Scripts/conformance

differential: ## run the same scripts on psycopg2 and Apus (DIFFERENTIAL_ARGS="--scripts 5000 --seed 7")
	@Scripts/conformance --differential

check-memory: ## use every part of the extension under valgrind's memcheck
	@Scripts/check-memory

check-threads: ## run the Swift tests under ThreadSanitizer
	@Scripts/check-threads

wheel: ## build dist/*.whl for $PYTHON
	@Scripts/wheel

stand-ins: ## build empty packages with psycopg2's names, for packages that require psycopg2 by name
	@Scripts/stand-ins

sdist: ## build the source distribution, dist/*.tar.gz
	@Scripts/wheel --sdist

format: ## format the Swift code
	swift format format --in-place --recursive --parallel Package.swift Sources Tests Tools/Package.swift Tools/Sources Tools/Tests Examples

lint: ## check formatting, imports between rooms, arithmetic that may trap, Python style
	@Scripts/lint

bench: ## run every benchmark in Benchmarks/
	@Scripts/bench

bench-python: ## compare with psycopg2, psycopg 3 and asyncpg (BENCH_ARGS="--quick --only select1" selects)
	@Benchmarks/python/run $(BENCH_ARGS)

clean: ## remove all build products
	rm -rf .build Tools/.build Benchmarks/.build .build-wheel-* .build-consumer .venv .venv-* build dist demo.html Python/*.egg-info
