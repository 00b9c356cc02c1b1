/*
 * connkit_seal.c: a program for clients that seals a secret, so that only the server whose key it was given can open it.
 *
 *   connkit_seal KEY < file           or from the keyboard, without echo; prints base64 for connkit_set_sealed_secret()
 *
 * KEY is what connkit_public_key() tells. One end of a line at the end of the value is left out.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define VALUE_MAX 65536
#define SEALED_MAX (VALUE_MAX + crypto_box_SEALBYTES)

/* Reads the value from the standard input; returns its length, or -1 where it is too long or cannot be read. */
static long
read_value(char *value)
{
	struct termios saved;
	struct termios silent;
	int			terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved) == 0;
	size_t		size;

	if (terminal)
	{
		fputs("Secret: ", stderr);
		silent = saved;
		silent.c_lflag &= ~(tcflag_t) ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
		size = fgets(value, VALUE_MAX + 2, stdin) ? strlen(value) : 0;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
		fputs("\n", stderr);
	}
	else
		size = fread(value, 1, VALUE_MAX + 2, stdin);
	if (size > 0 && value[size - 1] == '\n')
		size--;
	return ferror(stdin) || size > VALUE_MAX ? -1 : (long) size;
}

int
main(int argc, char **argv)
{
	static char value[VALUE_MAX + 2];
	static unsigned char sealed[SEALED_MAX];
	static char text[sodium_base64_ENCODED_LEN(SEALED_MAX, sodium_base64_VARIANT_ORIGINAL)];
	unsigned char key[crypto_box_PUBLICKEYBYTES];
	size_t		length;
	long		size;

	if (argc != 2 || argv[1][0] == '-')
	{
		fprintf(stderr, "usage: %s KEY < file\n"
				"KEY is what SELECT connkit_public_key('name') tells; the output is for connkit_set_sealed_secret().\n",
				argv[0]);
		return 2;
	}
	if (sodium_init() < 0)
		return 1;
	/* where memory may not be locked it is swapped at worst, as any program's is */
	(void) sodium_mlock(value, sizeof(value));
	if (sodium_base642bin(key, sizeof(key), argv[1], strlen(argv[1]), NULL, &length, NULL,
						  sodium_base64_VARIANT_ORIGINAL) != 0 || length != sizeof(key))
	{
		fprintf(stderr, "%s: KEY is not 32 bytes in base64\n", argv[0]);
		return 1;
	}
	size = read_value(value);
	if (size <= 0)
	{
		fprintf(stderr, "%s: %s\n", argv[0], size == 0 ? "the secret is empty" :
				"the secret cannot be read, or is longer than 65536 bytes");
		return 1;
	}
	if (crypto_box_seal(sealed, (unsigned char *) value, (unsigned long long) size, key) != 0)
	{
		fprintf(stderr, "%s: that is no public key\n", argv[0]);
		return 1;
	}
	sodium_memzero(value, sizeof(value));
	puts(sodium_bin2base64(text, sizeof(text), sealed, (size_t) size + crypto_box_SEALBYTES,
						   sodium_base64_VARIANT_ORIGINAL));
	return 0;
}
