http_NEEDS = libcurl4-openssl-dev libjansson-dev libyajl-dev zlib1g-dev libsodium-dev
http_CFLAGS := $(shell pkg-config --cflags libcurl jansson yajl zlib libsodium 2>/dev/null)
http_LIBS := $(shell pkg-config --libs libcurl jansson yajl zlib libsodium 2>/dev/null | sed "s/$$/ -lm/")
http_LIB = aws_sign $(HTTP_LIB)
