# connkit: the core is one module, every connector another.
#   make, make install, make installcheck   as with any PGXS extension (PG_CONFIG=… selects the server)
#   make CONNECTORS="sqlite postgres"       a choice; by default every connector whose library is found
#   make demo, make test, …                 see test/targets.mk

EXTENSION = connkit
EXTVERSION = 0.1.0
MODULE_big = connkit
PARTS = core fdw secret source sync worker
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c $(PARTS:%=src/%/*.c))))
PG_CPPFLAGS = -Isrc/include -Isrc/core
SHLIB_LINK += -lsodium
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers

# The install script is the pieces in this order, then the connectors' own.
SQL_PIECES = sql/extension.sql sql/catalog.sql sql/functions.sql sql/secret.sql sql/source.sql sql/query.sql \
	sql/sync.sql sql/webhook.sql sql/cron.sql sql/schedule.sql sql/audit.sql
CONNECTOR_DIRS = $(sort $(wildcard src/connector/*/connector.mk))
ALL_CONNECTORS = $(patsubst src/connector/%/connector.mk,%,$(CONNECTOR_DIRS))
CONNECTORS ?= $(ALL_CONNECTORS)

# the files of src/lib that a connector needs to speak HTTP
HTTP_LIB = background http http_error http_stream http_target http_transfer http_unpack resolve

DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql
HEADERS_connkit = src/include/connkit.h
REGRESS = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --expecteddir=. --load-extension=pgcrypto
EXTRA_CLEAN = connkit_seal $(CONNECTOR_MODULES) $(CONNECTOR_OBJS) \
	src/connector/*/*.o src/connector/*/*.bc src/lib/*.o src/*.bc $(PARTS:%=src/%/*.bc)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

include $(CONNECTOR_DIRS)

# A connector without its library is left out, with a line that says so.
FOUND_CONNECTORS = $(foreach c,$(CONNECTORS),$(if $(strip $($(c)_LIBS)),$(c)))
MISSING_CONNECTORS = $(filter-out $(FOUND_CONNECTORS),$(CONNECTORS))
CONNECTOR_MODULES = $(patsubst %,connkit_%.so,$(FOUND_CONNECTORS))
CONNECTOR_OBJS = $(foreach c,$(FOUND_CONNECTORS),$(call connector_objs,$(c)))

all: connectors connkit_seal
install: install-connectors install-manifests install-seal
uninstall: uninstall-connectors uninstall-manifests uninstall-seal

include $(PGXS)

# pg_regress of PostgreSQL 16 and later has --expecteddir, earlier ones look below the input folder.
ifneq ($(filter 14 15,$(MAJORVERSION)),)
REGRESS_OPTS := $(filter-out --expecteddir=.,$(REGRESS_OPTS))
installcheck: test/expected
test/expected:
	ln -sfn ../expected $@
endif

CONNECTOR_CFLAGS = $(filter-out -Wdeclaration-after-statement -Wmissing-prototypes,$(CFLAGS)) $(CFLAGS_SL) -std=c11 \
	-D_GNU_SOURCE -fvisibility=hidden -fPIC -Isrc/include -Isrc/lib
connector_srcs = $(wildcard src/connector/$(1)/*.c) $(patsubst %,src/lib/%.c,$($(1)_LIB))
connector_objs = $(patsubst src/connector/$(1)/%.c,src/connector/$(1)/%.o,$(wildcard src/connector/$(1)/*.c)) \
	$(patsubst %,src/lib/%.o,$($(1)_LIB)) src/lib/pg/module.o

.PHONY: connectors install-connectors uninstall-connectors
connectors: $(CONNECTOR_MODULES)
	@$(foreach c,$(MISSING_CONNECTORS),echo "connkit: connector $(c) is left out$(if \
		$($(c)_NEEDS),; install $($(c)_NEEDS) to have it)";)

define connector_rules
src/connector/$(1)/%.o: src/connector/$(1)/%.c src/include/connkit.h $$(wildcard src/connector/$(1)/*.h src/lib/*.h)
	$$(CC) $$(CONNECTOR_CFLAGS) $$($(1)_CFLAGS) -c -o $$@ $$<
connkit_$(1).so: $$(call connector_objs,$(1))
	$$(CC) -shared -Wl,--no-undefined -o $$@ $$^ $$(filter-out -L$$(libdir),$$(LDFLAGS)) $$($(1)_LIBS)
endef
$(foreach c,$(FOUND_CONNECTORS),$(eval $(call connector_rules,$(c))))

src/lib/%.o: src/lib/%.c src/include/connkit.h $(wildcard src/lib/*.h)
	$(CC) $(CONNECTOR_CFLAGS) -c -o $@ $<
src/lib/pg/module.o: src/lib/pg/module.c
	$(CC) $(CFLAGS) $(CFLAGS_SL) $(CPPFLAGS) -fPIC -c -o $@ $<

# the program with which clients seal secrets
connkit_seal: src/seal/connkit_seal.c
	$(CC) $(filter-out -fPIC,$(CONNECTOR_CFLAGS)) -o $@ $< $(filter-out -L$(libdir),$(LDFLAGS)) -lsodium

.PHONY: install-seal uninstall-seal
install-seal: connkit_seal
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) connkit_seal '$(DESTDIR)$(bindir)/connkit_seal'
uninstall-seal:
	rm -f '$(DESTDIR)$(bindir)/connkit_seal'

$(OBJS): $(wildcard src/include/*.h $(PARTS:%=src/%/*.h))

install-connectors: connectors
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)'
	$(foreach m,$(CONNECTOR_MODULES),$(INSTALL_SHLIB) $(m) '$(DESTDIR)$(pkglibdir)/$(m)' &&) true
uninstall-connectors:
	rm -f $(patsubst %,'$(DESTDIR)$(pkglibdir)/connkit_%.so',$(ALL_CONNECTORS))

# connectors that are a manifest, for connkit_register_connector()
MANIFESTS = $(sort $(wildcard manifest/*.json))
MANIFEST_DIR = '$(DESTDIR)$(datadir)/extension/connkit'
.PHONY: install-manifests uninstall-manifests
install-manifests:
	$(MKDIR_P) $(MANIFEST_DIR)
	$(INSTALL_DATA) $(MANIFESTS) $(MANIFEST_DIR)
uninstall-manifests:
	rm -f $(patsubst manifest/%,$(MANIFEST_DIR)/%,$(MANIFESTS))

CONNECTOR_PIECES = $(patsubst %,src/connector/%/connector.sql,$(ALL_CONNECTORS))
sql/$(EXTENSION)--$(EXTVERSION).sql: $(SQL_PIECES) $(CONNECTOR_PIECES) Makefile
	sed 's/\(FUNCTION\|HANDLER\|VALIDATOR\) connkit_/\1 @extschema@.connkit_/g' $(SQL_PIECES) $(CONNECTOR_PIECES) > $@

-include test/targets.mk
