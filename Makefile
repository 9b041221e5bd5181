# Two commands for a newcomer: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Without bytecode every worker of the tests would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo studio rehearse test coverage lint image bench fuzz mutants oldest kubernetes compiled plain vectors picture site dist lock clean

help:
	@echo "make demo      set up, take a lab cluster and its phones through four changes of signer"
	@echo "make studio    set up, rehearse your own change in a browser"
	@echo "make rehearse  play every shipped rehearsal with 10 phones, print a table of lessons"
	@echo "make test      set up, run the whole test suite"
	@echo "make coverage  the test suite again, and which lines and branches it does not reach"
	@echo "make lint      ruff and mypy"
	@echo "make image     build the container image and try it, where podman is (as root)"
	@echo "make bench     the benchmarks of benchmarks/"
	@echo "make fuzz      the fuzz targets, a million inputs each"
	@echo "make picture   the picture of README.md, made anew"
	@echo "make mutants   the trust decisions, changed in a thousand ways: tests must notice"
	@echo "make oldest    the tests with the oldest versions of the dependencies that are supported"
	@echo "make site      the documents as a site that needs no network, links checked"
	@echo "make compiled  the hot rooms as C extensions, beside their sources (needs a C compiler)"
	@echo "make plain     Python only again: removes what make compiled made"
	@echo "make dist      the wheel and the archive of sources, reproducible"
	@echo "make kubernetes  render configs/kubernetes, compare it with the published schemas"
	@echo "make vectors   the golden files of tests/vectors, made anew"
	@echo "make lock      resolve requirements/*.in anew into locked files"

$(VENV)/runtime: requirements/runtime.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements/runtime.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements/dev.txt requirements/dask.txt requirements/hsm.txt requirements/postgres.txt
	$(PIP) install --require-hashes $(foreach each,dev dask hsm postgres,-r requirements/$(each).txt)
	@touch $@

demo: $(VENV)/runtime
	$(BIN)/tokenless demo

studio: $(VENV)/runtime
	$(BIN)/tokenless studio

rehearse: $(VENV)/runtime
	$(BIN)/tokenless rehearse run --all --summary --phones 10

# Most tests wait for sockets: four workers keep two cores busy. A file stays with one, and
# the slow ones come first (tests/conftest.py).
test: $(VENV)/dev
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

# The pure core answers to hostile bytes: hardly a branch of it may go untested.
coverage: $(VENV)/dev
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -n 3 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='protocol/*' --fail-under=98
	$(BIN)/coverage report --omit='protocol/*' --fail-under=92

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Minutes, packages from mirrors, root: so not in `make test`. tests/system/image says more.
image: $(VENV)/dev
	TOKENLESS_IMAGE=1 $(BIN)/python -m pytest tests/system/image -o faulthandler_timeout=0

# Each benchmark says on its first lines what it measures and beside whom; together
# they take about half an hour on a quiet machine.
bench: $(VENV)/dev
	$(BIN)/python -m benchmarks.trust_lists
	$(BIN)/python -m benchmarks.tftp
	$(BIN)/python -m benchmarks.tvs
	$(BIN)/python -m benchmarks.fleet
	$(BIN)/python -m benchmarks.http_files
	$(BIN)/python -m benchmarks.capf
	$(BIN)/python -m benchmarks.planner
	$(BIN)/python -m benchmarks.growth

# Fuzz targets run by hand; they end with status 1 and a crash file when they find something.
# FUZZ chooses: `make fuzz FUZZ="--seconds 900 files tvs-server"`.
fuzz: $(VENV)/dev
	$(BIN)/python -m tests.fuzz $(FUZZ)

# Mutation testing of the trust decisions: which modules, by which tests, and what is left
# out stands in pyproject.toml. It takes hours; survivors are listed at the end.
mutants: $(VENV)/dev requirements/mutation.txt
	$(PIP) install --require-hashes -r requirements/mutation.txt
	$(BIN)/python -m mutmut run
	$(BIN)/python -m mutmut results

# The lower bounds of pyproject.toml are tried, not guessed. A folder of its own: these
# versions must not mix with the locked ones.
oldest:
	$(PYTHON) -m venv build/oldest
	build/oldest/bin/python -m pip --disable-pip-version-check --quiet install -r requirements/oldest.txt
	build/oldest/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	# How much old versions import is theirs.
	build/oldest/bin/python -m pytest -n 3 --dist loadfile \
	    --deselect tests/system/test_start_up.py::test_little_is_imported

# Optional, needs a C compiler: the same sources, cheaper a packet (docs/performance.md).
compiled: $(VENV)/dev requirements/compiled.txt
	$(PIP) install --require-hashes -r requirements/compiled.txt
	$(BIN)/python -m tools.compiled

plain: $(VENV)/runtime
	$(BIN)/python -m tools.compiled --remove

# Needs kubectl; the schemas are of a package, so no cluster is asked.
kubernetes: requirements/kubernetes.txt
	$(PYTHON) -m venv build/kubernetes-env
	build/kubernetes-env/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/kubernetes.txt
	for each in configs/kubernetes/overlays/*; do \
		kubectl kustomize $$each > build/$$(basename $$each).yaml || exit 1; \
		for version in 1.28 1.32 1.37; do \
			build/kubernetes-env/bin/kubernetes-validate --strict --no-warn --quiet \
				-k $$version build/$$(basename $$each).yaml || exit 1; \
		done; \
	done

# Links to the documents as they lie in the tree, so that their own links stay true.
site: requirements/docs.txt
	$(PYTHON) -m venv build/site-env
	build/site-env/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/docs.txt
	rm -rf build/site-docs && mkdir -p build/site-docs
	ln -s ../../README.md ../../CONTRIBUTING.md ../../CHANGELOG.md ../../SECURITY.md ../../LICENSE ../../docs ../../configs build/site-docs/
	NO_MKDOCS_2_WARNING=1 build/site-env/bin/mkdocs build --quiet

# Times of files would differ from build to build: that of the last commit stands in. Built
# twice, the second time from a copy of the commit in another folder, with other times.
dist: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
dist: $(VENV)/runtime
	rm -rf dist build/again && mkdir -p build/again
	$(BIN)/python -m hatchling build
	git archive HEAD | tar --extract --touch --directory build/again
	cd build/again && ../../$(BIN)/python -m hatchling build
	@for each in dist/*; do cmp $$each build/again/$$each || \
		{ echo "$$each is not what the commit gives: commit all files" >&2; exit 1; }; done
	@sha256sum dist/*

# The picture of README.md, from a rehearsal that is played for it.
picture: $(VENV)/runtime
	$(BIN)/python -m tools.readme_picture callmanager-and-tvs@11.5 docs/rehearsal.svg

# The golden files of tests/vectors, made anew from seeded keys.
vectors: $(VENV)/dev
	$(BIN)/python -m tests.vectors.make

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header
lock: $(VENV)/dev
	$(PIP) install pip-tools
	cd requirements && ../$(LOCK) -o runtime.txt runtime.in
	cd requirements && ../$(LOCK) -o dev.txt dev.in
	cd requirements && ../$(LOCK) -o dask.txt dask.in
	cd requirements && ../$(LOCK) -o hsm.txt hsm.in
	cd requirements && ../$(LOCK) -o postgres.txt postgres.in
	cd requirements && ../$(LOCK) -o mutation.txt mutation.in
	cd requirements && ../$(LOCK) -o compiled.txt compiled.in
	cd requirements && ../$(LOCK) -o docs.txt docs.in
	cd requirements && ../$(LOCK) -o kubernetes.txt kubernetes.in
	cd requirements && ../$(LOCK) -o oldest.txt oldest.in

clean:
	rm -rf $(VENV) build mutants .pytest_cache .mypy_cache .ruff_cache
