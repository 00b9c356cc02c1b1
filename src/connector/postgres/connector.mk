postgres_NEEDS = libpq-dev
postgres_CFLAGS := $(shell pkg-config --cflags libpq 2>/dev/null) \
	-DCK_LIBPQ_VERSION='"$(shell pkg-config --modversion libpq 2>/dev/null)"'
postgres_LIBS := $(shell pkg-config --libs libpq 2>/dev/null)
postgres_LIB = stmt_cache background resolve
