http_NEEDS = libcurl4-openssl-dev libjansson-dev libyajl-dev
http_CFLAGS := $(shell pkg-config --cflags libcurl jansson yajl 2>/dev/null)
http_LIBS := $(shell pkg-config --libs libcurl jansson yajl 2>/dev/null)
http_LIB = background http resolve
