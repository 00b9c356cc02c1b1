aws_secrets_NEEDS = libcurl4-openssl-dev libjansson-dev zlib1g-dev libsodium-dev
aws_secrets_CFLAGS := $(shell pkg-config --cflags libcurl jansson zlib libsodium 2>/dev/null)
aws_secrets_LIBS := $(shell pkg-config --libs libcurl jansson zlib libsodium 2>/dev/null)
aws_secrets_LIB = provider aws_sign $(HTTP_LIB)
