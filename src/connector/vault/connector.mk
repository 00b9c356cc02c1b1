vault_NEEDS = libcurl4-openssl-dev libjansson-dev
vault_CFLAGS := $(shell pkg-config --cflags libcurl jansson 2>/dev/null)
vault_LIBS := $(shell pkg-config --libs libcurl jansson 2>/dev/null)
vault_LIB = background http provider resolve
