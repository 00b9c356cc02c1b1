aws_secrets_NEEDS = libcurl4-openssl-dev libjansson-dev libsodium-dev
aws_secrets_CFLAGS := $(shell pkg-config --cflags libcurl jansson libsodium 2>/dev/null)
aws_secrets_LIBS := $(shell pkg-config --libs libcurl jansson libsodium 2>/dev/null)
aws_secrets_LIB = background http provider resolve
