sqlite_NEEDS = libsqlite3-dev
sqlite_CFLAGS := $(shell pkg-config --cflags sqlite3 2>/dev/null)
sqlite_LIBS := $(shell pkg-config --libs sqlite3 2>/dev/null)
sqlite_LIB = stmt_cache
