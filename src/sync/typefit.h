/*
 * typefit.h: whether every value of one type is one of another.
 */
#ifndef CONNKIT_TYPEFIT_H
#define CONNKIT_TYPEFIT_H

#include "postgres.h"

/* True where each value of from, as it is, is a value of to: conversion by assignment loses nothing and does not fail. */
extern bool typefit_holds(Oid from, int32 from_typmod, Oid to, int32 to_typmod);

/* The same, or true where to is text without a limit, which takes any value in writing. */
extern bool typefit_takes(Oid from, int32 from_typmod, Oid to, int32 to_typmod);

#endif							/* CONNKIT_TYPEFIT_H */
