/*
 * keyring.c: holds master keys in guarded memory and derives the keys of owners and secrets from them.
 *
 *   master key -> owner's key -> key of one version of one secret (pgcrypto's passphrase)
 *                             -> key pair that clients seal values for
 *
 * Every arrow is a keyed BLAKE2b over a label and the names, each with its length before it.
 */
#include "postgres.h"

#include <limits.h>
#include <sodium.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "keyring.h"
#include "keysource.h"

#define KEY_BYTES crypto_generichash_KEYBYTES
#define MAX_KEYS 64

typedef struct Key
{
	unsigned char bytes[KEY_BYTES];
	char		id[KEYRING_ID_CHARS + 1];
} Key;

/* In memory that is not swapped or dumped and cannot be read between calls of this file. */
typedef struct Keyring
{
	int			count;			/* 0: not read yet */
	Key			keys[MAX_KEYS]; /* the current one first */
	char		text[KEYSOURCE_SIZE];	/* of the source, while it is read */
} Keyring;

static Keyring *ring = NULL;
static int	locked_process = 0;	/* that the ring is locked in memory in */
static int	exit_process = 0;	/* that the callback below was registered in */

/* Room for the largest input of a derivation's last part, in hex and in text. */
#define LABEL_SECRET "connkit secret"
#define LABEL_OWNER "connkit organization"
#define LABEL_SEAL "connkit sealed"
#define LABEL_ID "connkit master key"

void
keyring_wipe(void *memory, size_t size)
{
	sodium_memzero(memory, size);
}

/* At the end of the process: zeroes and frees. */
static void
keyring_exit(int code, Datum arg)
{
	if (ring)
		sodium_free(ring);
	ring = NULL;
}

static void
keyring_open(void)
{
	if (ring == NULL)
	{
		if (sodium_init() < 0)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("libsodium could not be initialised")));
		ring = sodium_malloc(sizeof(Keyring));
		if (ring == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("no guarded memory for master keys")));
		ring->count = 0;
	}
	if (exit_process != MyProcPid && MyProcPid != PostmasterPid)
	{
		exit_process = MyProcPid;
		on_proc_exit(keyring_exit, (Datum) 0);
	}
	sodium_mprotect_readwrite(ring);
	/* what is inherited from the postmaster is not locked in memory yet */
	if (locked_process != MyProcPid)
		(void) sodium_mlock(ring, sizeof(Keyring));
	locked_process = MyProcPid;
}

static void
keyring_close(void)
{
	sodium_mprotect_noaccess(ring);
}

/* Derives a key of KEY_BYTES from another, by a label and up to three texts. */
static void
derive(unsigned char *out, const unsigned char *key, const char *label, const char *a, const char *b, const char *c)
{
	crypto_generichash_state state;
	const char *parts[] = {label, a, b, c};

	crypto_generichash_init(&state, key, KEY_BYTES, KEY_BYTES);
	for (int i = 0; i < lengthof(parts) && parts[i]; i++)
	{
		uint64		length = strlen(parts[i]);
		unsigned char prefix[8];

		for (int j = 0; j < 8; j++)
			prefix[j] = (unsigned char) (length >> (8 * j));
		crypto_generichash_update(&state, prefix, sizeof(prefix));
		crypto_generichash_update(&state, (const unsigned char *) parts[i], length);
	}
	crypto_generichash_final(&state, out, KEY_BYTES);
	sodium_memzero(&state, sizeof(state));
}

static void
key_name(Key *key)
{
	unsigned char digest[KEY_BYTES];

	derive(digest, key->bytes, LABEL_ID, NULL, NULL, NULL);
	sodium_bin2hex(key->id, sizeof(key->id), digest, KEYRING_ID_CHARS / 2);
}

/* One line of the source as a key; false where it is none. */
static bool
key_from_line(Key *key, const char *line, size_t length)
{
	size_t		size;
	bool		good;

	good = length == 2 * KEY_BYTES &&
		sodium_hex2bin(key->bytes, KEY_BYTES, line, length, NULL, &size, NULL) == 0 && size == KEY_BYTES;
	if (!good)
		good = sodium_base642bin(key->bytes, KEY_BYTES, line, length, NULL, &size, NULL,
								 length == 44 ? sodium_base64_VARIANT_ORIGINAL :
								 sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 && size == KEY_BYTES;
	if (!good || sodium_is_zero(key->bytes, KEY_BYTES))
		return false;
	key_name(key);
	return true;
}

/* Reads the lines of ring->text. Returns 0, or the number of the line that is no key. */
static int
keyring_parse(void)
{
	int			number = 0;

	ring->count = 0;
	for (char *line = ring->text, *next; line; line = next)
	{
		size_t		length;

		number++;
		next = strchr(line, '\n');
		length = next ? (size_t) (next++ - line) : strlen(line);
		while (length > 0 && isspace((unsigned char) line[length - 1]))
			length--;
		for (; length > 0 && isspace((unsigned char) *line); line++)
			length--;
		if (length == 0 || *line == '#')
			continue;
		if (ring->count == MAX_KEYS || !key_from_line(&ring->keys[ring->count], line, length))
		{
			ring->count = 0;
			return number;
		}
		ring->count++;
	}
	return 0;
}

/* Reads the source. False where it is a file that is not there. The ring is open before and after, closed by an ERROR. */
static bool
keyring_read(void)
{
	bool		there;
	int			line;

	PG_TRY();
	{
		there = keysource_read(ring->text);
	}
	PG_CATCH();
	{
		keyring_close();
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (!there)
		return false;
	line = keyring_parse();
	sodium_memzero(ring->text, sizeof(ring->text));
	if (ring->count > 0)
		return true;
	keyring_close();
	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 line == 0 ? errmsg("%s holds no master key", keysource_name()) :
			 errmsg("%s: line %d is no master key", keysource_name(), line),
			 errhint("A master key is a line of 32 bytes in hex (64 digits) or base64 (44 characters).")));
}

/* Says for which key the source of keys is read, whatever is wrong with it. */
static void
wanted_context(void *arg)
{
	errcontext("reading master key %s", (const char *) arg);
}

/* The key of that id, in the open ring; read again where it is not there. ERROR, with the ring closed, if that fails. */
static const Key *
keyring_find(const char *id)
{
	bool		there = true;
	ErrorContextCallback wanted = {
		.callback = wanted_context, .arg = (void *) id, .previous = error_context_stack
	};

	for (int attempt = 0; attempt < 2; attempt++)
	{
		for (int i = 0; i < ring->count; i++)
			if (strcmp(ring->keys[i].id, id) == 0)
				return &ring->keys[i];
		if (attempt > 0)
			break;
		error_context_stack = &wanted;
		there = keyring_read();
		error_context_stack = wanted.previous;
	}
	keyring_close();
	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("master key %s is wanted and not on hand", id),
			 there ? errdetail("%s has other keys.", keysource_name()) : errdetail("%s is not there.", keysource_name()),
			 errhint("Put the key with that id back: a line of the file, or of what connkit.master_key_command prints. "
					 "Without it, drop what is stored under it and set the secrets anew.")));
}

/* Adds a key, with its id for people above it, to the text of a key file. */
static void
keyring_print(char *text, const Key *key)
{
	char		line[2 * KEY_BYTES + KEYRING_ID_CHARS + 5] = "# ";

	strlcat(line, key->id, sizeof(line));
	strlcat(line, "\n", sizeof(line));
	sodium_bin2hex(line + strlen(line), 2 * KEY_BYTES + 1, key->bytes, KEY_BYTES);
	strlcat(line, "\n", sizeof(line));
	strlcat(text, line, KEYSOURCE_SIZE);
	sodium_memzero(line, sizeof(line));
}

/* Writes a new key file: the keys of the open ring but for one, or with a fresh key before them. */
static bool
keyring_write(bool create, const char *without)
{
	char	   *text = ring->text;
	volatile bool written;

	text[0] = '\0';
	strlcat(text, "# connkit: master keys, the current one first, each below its id. Keep a copy away from the database's "
			"backups.\n", KEYSOURCE_SIZE);
	if (without == NULL)
	{
		Key			fresh;

		randombytes_buf(fresh.bytes, sizeof(fresh.bytes));
		key_name(&fresh);
		keyring_print(text, &fresh);
		sodium_memzero(&fresh, sizeof(fresh));
	}
	for (int i = 0; i < ring->count; i++)
		if (without == NULL || strcmp(ring->keys[i].id, without) != 0)
			keyring_print(text, &ring->keys[i]);
	PG_TRY();
	{
		written = keysource_write(text, create);
	}
	PG_FINALLY();
	{
		sodium_memzero(text, KEYSOURCE_SIZE);
		keyring_close();
	}
	PG_END_TRY();
	keyring_open();
	return written;
}

/* Reads the source into the open ring, making a key file where there is none and none is in use. */
static void
keyring_read_or_make(const char *used_id)
{
	if (keyring_read())
		return;
	if (used_id)
	{
		ring->count = 0;
		(void) keyring_find(used_id);	/* raises the error */
	}
	ring->count = 0;
	if (RecoveryInProgress())
	{
		keyring_close();
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("this standby has no master key"),
				 errhint("Copy the primary's master key file, or set connkit.master_key_command.")));
	}
	if (keyring_write(true, NULL))
		ereport(LOG,
				(errmsg("connkit: a master key was made in file \"%s\"", keysource_path()),
				 errhint("Keep a copy of it away from the database's backups: without it, secrets cannot be opened.")));
	if (!keyring_read())
	{
		keyring_close();
		ereport(ERROR, (errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("the master key file has gone away")));
	}
}

const char *
keyring_current(const char *used_id)
{
	static char id[KEYRING_ID_CHARS + 1];

	keyring_open();
	/* a command is not run again while the key that it told is the one in use */
	if (!keysource_is_command() || used_id == NULL || ring->count == 0 || strcmp(ring->keys[0].id, used_id) != 0)
		keyring_read_or_make(used_id);
	strlcpy(id, ring->keys[0].id, sizeof(id));
	keyring_close();
	return id;
}

void
keyring_passphrase(const char *key_id, const char *owner, const char *name, int version, char *passphrase)
{
	unsigned char owner_key[KEY_BYTES],
				key[KEY_BYTES];
	char		number[16];

	snprintf(number, sizeof(number), "%d", version);
	keyring_open();
	derive(owner_key, keyring_find(key_id)->bytes, LABEL_OWNER, owner, NULL, NULL);
	keyring_close();
	derive(key, owner_key, LABEL_SECRET, name, number, NULL);
	sodium_bin2hex(passphrase, KEYRING_PASSPHRASE_CHARS + 1, key, KEY_BYTES);
	sodium_memzero(owner_key, sizeof(owner_key));
	sodium_memzero(key, sizeof(key));
}

/* The key pair for sealed values; name NULL: of any name. */
static void
seal_pair(const Key *master, const char *owner, const char *name, unsigned char *public_key, unsigned char *secret_key)
{
	unsigned char owner_key[KEY_BYTES],
				seed[KEY_BYTES];

	StaticAssertStmt(KEY_BYTES == crypto_box_SEEDBYTES && KEYRING_PUBLIC_BYTES == crypto_box_PUBLICKEYBYTES,
					 "sizes of libsodium's keys");
	derive(owner_key, master->bytes, LABEL_OWNER, owner, NULL, NULL);
	derive(seed, owner_key, LABEL_SEAL, name, NULL, NULL);
	crypto_box_seed_keypair(public_key, secret_key, seed);
	sodium_memzero(owner_key, sizeof(owner_key));
	sodium_memzero(seed, sizeof(seed));
}

void
keyring_public_key(const char *owner, const char *name, unsigned char *public_key)
{
	unsigned char secret_key[crypto_box_SECRETKEYBYTES];

	keyring_open();
	if (ring->count == 0)
		keyring_read_or_make(NULL);
	seal_pair(&ring->keys[0], owner, name, public_key, secret_key);
	keyring_close();
	sodium_memzero(secret_key, sizeof(secret_key));
}

/* Opens it with one of the keys of the open ring. */
static bool
open_sealed(const char *owner, const char *name, const unsigned char *sealed, size_t size, char *value)
{
	bool		opened = false;

	for (int i = 0; i < 2 * ring->count && !opened; i++)
	{
		unsigned char public_key[crypto_box_PUBLICKEYBYTES],
					secret_key[crypto_box_SECRETKEYBYTES];

		seal_pair(&ring->keys[i / 2], owner, i % 2 == 0 ? name : NULL, public_key, secret_key);
		opened = crypto_box_seal_open((unsigned char *) value, sealed, size, public_key, secret_key) == 0;
		sodium_memzero(secret_key, sizeof(secret_key));
	}
	return opened;
}

char *
keyring_open_sealed(const char *owner, const char *name, const unsigned char *sealed, size_t size, size_t *length)
{
	char	   *value;
	bool		opened;

	if (size < crypto_box_SEALBYTES)
		return NULL;
	*length = size - crypto_box_SEALBYTES;
	value = palloc(*length + 1);
	keyring_open();
	/* a command is run again where the keys that it told do not open it */
	opened = keysource_is_command() && open_sealed(owner, name, sealed, size, value);
	if (!opened && keyring_read())
		opened = open_sealed(owner, name, sealed, size, value);
	keyring_close();
	value[*length] = '\0';
	return opened ? value : NULL;
}

void
keyring_rotate(const char *used_id)
{
	bool		command = keysource_is_command();
	bool		same;

	keyring_open();
	keyring_read_or_make(used_id);
	same = used_id && strcmp(ring->keys[0].id, used_id) == 0;
	if (command && same)
	{
		keyring_close();
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connkit.master_key_command prints no new key"),
				 errhint("Have it print the new key on the first line and the old one (id %s) below, and call this again.",
						 used_id)));
	}
	if (!command)
	{
		if (ring->count == MAX_KEYS)
		{
			keyring_close();
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the master key file holds %d keys already", MAX_KEYS),
					 errhint("Remove old ones with connkit_forget_master_key().")));
		}
		(void) keyring_write(false, NULL);
		(void) keyring_read();
	}
	keyring_close();
}

void
keyring_forget(const char *key_id)
{
	bool		known = false;

	if (keysource_is_command())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("keys come from connkit.master_key_command"),
				 errhint("Have it print that key no more.")));
	keyring_open();
	if (!keyring_read())
		ring->count = 0;
	for (int i = 0; i < ring->count; i++)
		known |= strcmp(ring->keys[i].id, key_id) == 0;
	if (!known || strcmp(ring->keys[0].id, key_id) == 0)
	{
		keyring_close();
		ereport(ERROR,
				(errcode(known ? ERRCODE_OBJECT_IN_USE : ERRCODE_UNDEFINED_OBJECT),
				 known ? errmsg("master key %s is the current one", key_id) :
				 errmsg("there is no master key %s in the file", key_id),
				 known ? errhint("Make a new one with connkit_rotate_master_key() first.") : 0));
	}
	(void) keyring_write(false, key_id);
	(void) keyring_read();
	keyring_close();
}

bool
keyring_in_data_directory(void)
{
	char		file[PATH_MAX],
				folder[PATH_MAX];

	if (keysource_is_command() || realpath(keysource_path(), file) == NULL || realpath(DataDir, folder) == NULL)
		return false;
	return path_is_prefix_of_path(folder, file);
}

/* In the postmaster, the command runs once for all backends, which inherit the keys. What is wrong is for them to tell. */
static void
keyring_preload(void)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		keyring_open();
		(void) keyring_read();
		keyring_close();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		EmitErrorReport();
		FlushErrorState();
	}
	PG_END_TRY();
}

void
keyring_init(void)
{
	keysource_init();
	if (process_shared_preload_libraries_in_progress && keysource_is_command())
		keyring_preload();
}
