/*
 * keysource.h: where master keys come from: a file, or a command's output. Both hold a key a line, 32 bytes in hex or
 * base64, the current one first; blank lines and lines that begin with # are passed over.
 */
#ifndef CONNKIT_KEYSOURCE_H
#define CONNKIT_KEYSOURCE_H

#include "postgres.h"

/* Room for the text of all keys, the NUL included. */
#define KEYSOURCE_SIZE 16384

/* True where a command is set, false where keys come from a file. */
extern bool keysource_is_command(void);

/* The file's path, palloc'd. */
extern char *keysource_path(void);

/* "file "…"" or "command", for messages to superusers; without the path for others. palloc'd. */
extern char *keysource_name(void);

/*
 * Reads the text of the keys into text, of KEYSOURCE_SIZE bytes. False where there is no such file. ERROR where it may be
 * read by others, or the command fails or takes too long.
 */
extern bool keysource_read(char *text);

/*
 * Writes the text into the file, safely on disk when it returns. With create, the file must not be there: false where
 * another process was faster. Else the file is replaced.
 */
extern bool keysource_write(const char *text, bool create);

extern void keysource_init(void);

#endif							/* CONNKIT_KEYSOURCE_H */
