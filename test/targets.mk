# targets.mk: the commands beside building and installing. Each is a script below test/ that also runs by itself,
# starts its own throw-away servers, and installs into a private copy of PostgreSQL, not the system's.
#
#   make demo           shows connkit at work on databases and an API over HTTP; leaves it running
#   make demo-stop      ends that
#   make test           every suite; SUITES="sql header" chooses
#   make bench          speed against others, of reading and of syncs; SUITES="sync" chooses
#   make lint           the rules of style that a program can check; make format mends trailing blanks and line ends
#   make new-connector NAME=mine KIND=c
#                       begins a connector, with its tests and its page; KIND=manifest one that is a manifest
#   make docs           writes the lists of docs/pushdown.md
#   make asan           the suites with the address and undefined-behaviour sanitizers
#   make valgrind       a short suite under valgrind
#   make test-versions  PostgreSQL 14 to 18, and MySQL 9, in chroots (needs root)

SUITES ?=

.PHONY: demo demo-stop test contract bench lint format new-connector docs asan valgrind test-versions

demo:
	@test/setup.sh demo
	@test/demo/demo.sh

demo-stop:
	@test/demo/demo.sh stop

test:
	@test/setup.sh test
	@test/run.sh $(SUITES)

contract:
	@test/setup.sh test
	@test/run.sh contract

bench:
	@test/setup.sh bench
	@test/bench/run.sh $(SUITES)

lint:
	@test/lint/run.sh

format:
	@git ls-files -z '*.c' '*.h' '*.sql' '*.sh' '*.pl' '*.mk' '*.md' | xargs -0 sed -i -e 's/[[:blank:]]*$$//' -e '$$a\'

new-connector:
	@test/template/new.sh "$(KIND)" "$(NAME)"

docs:
	@test/setup.sh test
	@CK_DOCUMENT=1 CK_RULES= test/run.sh rules

asan:
	@test/setup.sh test
	@test/sanitize.sh asan $(SUITES)

valgrind:
	@test/setup.sh test valgrind
	@test/sanitize.sh valgrind $(SUITES)

test-versions:
	@test/setup.sh versions
	@test/versions/run.sh
