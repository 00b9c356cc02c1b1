vault_NEEDS = libcurl4-openssl-dev libjansson-dev zlib1g-dev
vault_CFLAGS := $(shell pkg-config --cflags libcurl jansson zlib 2>/dev/null)
vault_LIBS := $(shell pkg-config --libs libcurl jansson zlib 2>/dev/null)
vault_LIB = provider $(HTTP_LIB)
