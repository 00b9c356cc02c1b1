http_NEEDS = libcurl4-openssl-dev libjansson-dev libyajl-dev libcsv-dev zlib1g-dev libsodium-dev libssl-dev libexpat1-dev
http_CFLAGS := $(shell pkg-config --cflags libcurl jansson yajl zlib libsodium libcrypto expat 2>/dev/null)
# libcsv has no file for pkg-config
http_LIBS := $(if $(wildcard /usr/include/csv.h), \
	$(shell pkg-config --libs libcurl jansson yajl zlib libsodium libcrypto expat 2>/dev/null | sed 's/$$/ -lcsv -lm/'))
http_LIB = aws_sign $(HTTP_LIB)
