# A connector without a client library: -lm stands for one that is always found.
null_NEEDS = nothing
null_CFLAGS =
null_LIBS = -lm
null_LIB =
