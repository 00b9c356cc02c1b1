/*
 * command.c: runs a command of the server's user and reads what it prints.
 */
#include "postgres.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "command.h"

/* Milliseconds that a command may take, and between two looks at interrupts while it runs. */
#define COMMAND_MS 30000
#define SLICE_MS 100

extern char **environ;

/* A command that runs. */
typedef struct Command
{
	pid_t		process;		/* 0: it has ended */
	int			output;			/* its standard output */
	char	   *text;			/* what was read of it */
	size_t		room;
} Command;

/* Starts the command in a process group of its own. */
static void
command_start(Command *run, const char *command)
{
	char	   *argv[] = {"sh", "-c", (char *) command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t	none,
				all;
	int			ends[2];
	int			error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not make a pipe: %m")));
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	error = posix_spawn(&run->process, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(ends[1]);
	if (error != 0)
	{
		close(ends[0]);
		errno = error;
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not run the command: %m")));
	}
	run->output = ends[0];
}

/* Reads what the command prints, until it has ended. Returns NULL, or what went wrong; looks at interrupts. */
static const char *
command_follow(Command *run)
{
	TimestampTz begin = GetCurrentTimestamp();
	struct pollfd wait = {.fd = run->output, .events = POLLIN};
	size_t		size = 0;
	int			status = 0;
	pid_t		ended = 0;

	while (ended == 0)
	{
		ssize_t		got;

		if (MyProcPid != PostmasterPid)
			CHECK_FOR_INTERRUPTS();
		if (TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), COMMAND_MS))
			return "it did not end in time";
		/* at the end of the output, fd is -1 and this is a short sleep until the process is gone */
		if (poll(&wait, 1, wait.fd < 0 ? 1 : SLICE_MS) > 0)
		{
			got = read(run->output, run->text + size, run->room - 1 - size);
			if (got == 0)
				wait.fd = -1;
			size += Max(got, 0);
			if (size >= run->room - 1)
				return "it printed too much";
		}
		if (wait.fd < 0)
			ended = waitpid(run->process, &status, WNOHANG);
	}
	run->process = 0;
	run->text[size] = '\0';
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return "it failed";
	return strlen(run->text) == size ? NULL : "it printed a NUL character";
}

/* The command, with what it started in its process group, is gone. */
static void
command_end(Command *run)
{
	close(run->output);
	if (run->process == 0)
		return;
	kill(-run->process, SIGKILL);
	while (waitpid(run->process, NULL, 0) < 0 && errno == EINTR)
		;
}

/* The same after an error, and when the backend is ended. */
static void
command_abort(int code, Datum arg)
{
	Command    *run = (Command *) DatumGetPointer(arg);

	command_end(run);
	sodium_memzero(run->text, run->room);
}

const char *
command_read(const char *command, char *text, size_t room)
{
	Command		run = {.text = text, .room = room};
	const char *fault;

	command_start(&run, command);
	PG_ENSURE_ERROR_CLEANUP(command_abort, PointerGetDatum(&run));
	{
		fault = command_follow(&run);
	}
	PG_END_ENSURE_ERROR_CLEANUP(command_abort, PointerGetDatum(&run));
	command_end(&run);
	if (fault)
		sodium_memzero(text, room);
	return fault;
}
