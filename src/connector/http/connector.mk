http_NEEDS = libcurl4-openssl-dev libjansson-dev libyajl-dev zlib1g-dev
http_CFLAGS := $(shell pkg-config --cflags libcurl jansson yajl zlib 2>/dev/null)
http_LIBS := $(shell pkg-config --libs libcurl jansson yajl zlib 2>/dev/null | sed "s/$$/ -lm/")
http_LIB = $(HTTP_LIB)
