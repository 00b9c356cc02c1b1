/*
 * background.c: runs a call that blocks, as name resolution does, where it cannot hold up the backend.
 */
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Belongs to thread and caller both; whoever leaves it last frees it. */
typedef struct Job
{
	void		(*run) (void *arg);
	void		(*release) (void *arg);
	void	   *arg;
	int			done_fd;		/* the thread's end of the pipe */
	atomic_flag left;
} Job;

/* The thread: runs the call, then leaves the job and wakes the caller. */
static void *
background_main(void *data)
{
	Job		   *job = data;
	int			fd = job->done_fd;

	job->run(job->arg);
	if (atomic_flag_test_and_set(&job->left))
	{
		job->release(job->arg);
		free(job);
	}
	else if (write(fd, "", 1) < 0)
	{
		/* the caller is gone meanwhile: nobody to tell */
	}
	close(fd);
	return NULL;
}

/* Starts the detached thread with all signals blocked, so that every signal stays the backend's. */
static int
background_start(Job *job)
{
	sigset_t	all;
	sigset_t	before;
	pthread_attr_t attr;
	pthread_t	thread;
	int			error;

	error = pthread_attr_init(&attr);
	if (error)
		return error;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attr, background_main, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

CkStatus
ck_background(CkSession *session, void (*run) (void *arg), void (*release) (void *arg), void *arg)
{
	Job		   *job = malloc(sizeof(*job));
	int			fds[2] = {-1, -1};
	char		byte;
	int			error;
	CkStatus	status;

	if (!job || pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		error = job ? errno : ENOMEM;
	else
	{
		*job = (Job) {.run = run, .release = release, .arg = arg, .done_fd = fds[1], .left = ATOMIC_FLAG_INIT};
		error = background_start(job);
		if (error)
			close(fds[1]);
	}
	if (error)
	{
		if (fds[0] >= 0)
			close(fds[0]);
		free(job);
		release(arg);
		return ck_fail(session, CK_ERR_INTERNAL, "could not start a thread: %s", strerror(error));
	}

	do
		status = ck_wait(session, fds[0], CK_READABLE);
	while (status == CK_OK && read(fds[0], &byte, 1) != 1);

	if (atomic_flag_test_and_set(&job->left))
	{
		if (status != CK_OK)
			release(arg);
		free(job);
	}
	close(fds[0]);
	return status;
}
