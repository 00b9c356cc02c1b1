/*
 * command.h: commands of the server's user that print a secret.
 */
#ifndef CONNKIT_COMMAND_H
#define CONNKIT_COMMAND_H

#include "postgres.h"

/*
 * Runs a shell command, for 30 seconds at most, and reads what it prints into text, with a NUL behind it. Returns NULL, or
 * what went wrong. Looks at interrupts; a command that has not ended is killed, with its process group, when it returns or
 * throws, or the backend ends. What the command writes to its error output stands in the server log.
 */
extern const char *command_read(const char *command, char *text, size_t room);

#endif							/* CONNKIT_COMMAND_H */
