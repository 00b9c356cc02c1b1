mysql_NEEDS = default-libmysqlclient-dev
mysql_CFLAGS := $(shell pkg-config --cflags mysqlclient 2>/dev/null)
mysql_LIBS := $(shell pkg-config --libs mysqlclient 2>/dev/null)
mysql_LIB = background resolve stmt_cache
