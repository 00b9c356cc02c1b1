/*
 * keysource.c: reads and writes the text of master keys.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/guc.h"

#include "command.h"
#include "keysource.h"

static char *master_key_command = NULL;
static char *master_key_file = NULL;

bool
keysource_is_command(void)
{
	return master_key_command && master_key_command[0] != '\0';
}

char *
keysource_path(void)
{
	if (master_key_file == NULL || master_key_file[0] == '\0')
		return psprintf("%s.connkit.key", DataDir);
	if (is_absolute_path(master_key_file))
		return pstrdup(master_key_file);
	return psprintf("%s/%s", DataDir, master_key_file);
}

char *
keysource_name(void)
{
	if (keysource_is_command())
		return pstrdup("connkit.master_key_command");
	if (MyProcPid == PostmasterPid || superuser())
		return psprintf("file \"%s\"", keysource_path());
	return pstrdup("the file of connkit.master_key_file");
}

static void
read_command(char *text)
{
	const char *fault = command_read(master_key_command, text, KEYSOURCE_SIZE);

	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
				 errmsg("connkit.master_key_command gave no key: %s", fault),
				 errhint("It runs as the server's user and prints 32 bytes in hex or base64 within 30 seconds; what it "
						 "writes to its error output stands in the server log.")));
}

/* ERROR where others than the server's user, and root, may read the open file. */
static void
check_file(int file)
{
	struct stat status;
	mode_t		open_to;

	if (fstat(file, &status) < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not look at the master key file: %m")));
	if (!S_ISREG(status.st_mode))
		ereport(ERROR, (errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("the master key file is no regular file")));
	if (status.st_uid != geteuid() && status.st_uid != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the master key file belongs to another user"),
				 errhint("Give it to the user that the server runs as, or to root.")));
	open_to = status.st_mode & (S_IRWXG | S_IRWXO);
	if (status.st_uid == 0 && geteuid() != 0)
		open_to &= ~S_IRGRP;	/* root's file is read by way of its group */
	if (open_to != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the master key file may be read by others"),
				 errhint("Take the rights of group and others away: its mode must be 0600%s.",
						 status.st_uid == 0 ? ", or 0640 where root owns it" : "")));
}

static bool
read_file(char *text)
{
	char	   *path = keysource_path();
	int			file = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	size_t		size = 0;
	ssize_t		got;

	if (file < 0 && errno == ENOENT)
		return false;
	if (file < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open the master key file: %m"),
				 errhint("It must be readable for the user that the server runs as.")));
	check_file(file);
	while ((got = read(file, text + size, KEYSOURCE_SIZE - 1 - size)) > 0)
		size += got;
	CloseTransientFile(file);
	text[size] = '\0';
	if (got == 0 && size < KEYSOURCE_SIZE - 1)
		return true;
	sodium_memzero(text, KEYSOURCE_SIZE);
	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("the master key file could not be read, or is too large")));
}

bool
keysource_read(char *text)
{
	if (!keysource_is_command())
		return read_file(text);
	read_command(text);
	return true;
}

/* Makes a file of that text that only the server's user may read, and has it on disk. */
static void
write_new(const char *path, const char *text)
{
	int			file = OpenTransientFilePerm(path, O_WRONLY | O_CREAT | O_EXCL | PG_BINARY, S_IRUSR | S_IWUSR);
	size_t		size = strlen(text);

	if (file >= 0 && write(file, text, size) == (ssize_t) size && fsync(file) == 0 && CloseTransientFile(file) == 0)
		return;
	if (file >= 0)
		unlink(path);
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not write the master key file: %m"),
			 superuser() ? errdetail("The file is \"%s\".", path) : 0,
			 errhint("The folder must be writable for the user that the server runs as; the setting "
					 "connkit.master_key_file names another one.")));
}

bool
keysource_write(const char *text, bool create)
{
	char	   *path = keysource_path();
	char	   *fresh = create ? psprintf("%s.%d.new", path, MyProcPid) : psprintf("%s.new", path);
	bool		made;

	/* what an earlier process left behind when it crashed; files are replaced by one process at a time */
	unlink(fresh);
	write_new(fresh, text);
	if (!create)
	{
		durable_rename(fresh, path, ERROR);
		return true;
	}
	/* the whole file comes into being at once, or not at all */
	made = link(fresh, path) == 0;
	if (!made && errno != EEXIST)
	{
		int			error = errno;

		unlink(fresh);
		errno = error;
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not make the master key file: %m")));
	}
	unlink(fresh);
	get_parent_directory(path);
	fsync_fname(path[0] ? path : ".", true);
	return made;
}

void
keysource_init(void)
{
	DefineCustomStringVariable("connkit.master_key_command",
							   "Command whose output is the master key that secrets are stored under.",
							   "It prints 32 bytes in hex or base64; keys from before a rotation on further lines.",
							   &master_key_command, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("connkit.master_key_file",
							   "File of the master key that secrets are stored under, where there is no command for it.",
							   "Default: beside the data directory, <data directory>.connkit.key. It is made at first use.",
							   &master_key_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}
