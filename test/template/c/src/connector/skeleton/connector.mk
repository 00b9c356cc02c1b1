# The packages that a user has to install, and what the client library wants; -lm stands for a library that is always found.
skeleton_NEEDS = nothing
skeleton_CFLAGS =
skeleton_LIBS = -lm
skeleton_LIB =
