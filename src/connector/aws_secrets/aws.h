/*
 * aws.h: what the files of the aws_secrets connector know of each other.
 */
#ifndef CK_AWS_H
#define CK_AWS_H

#include <stddef.h>
#include <time.h>

/* Bytes of a signature's header lines. */
#define AWS_DATE_SIZE 17
#define AWS_AUTHORIZATION_SIZE 1024

/* A POST to the path / that is to be signed. */
typedef struct AwsRequest
{
	const char *region;
	const char *service;
	const char *host;			/* as in the header Host */
	const char *content_type;
	const char *target;			/* x-amz-target */
	const char *body;
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;	/* x-amz-security-token, or NULL */
	time_t		now;
} AwsRequest;

/* sign.c: writes the values of the headers x-amz-date and Authorization, by AWS's Signature Version 4. */
extern void aws_sign(const AwsRequest *request, char date[AWS_DATE_SIZE], char authorization[AWS_AUTHORIZATION_SIZE]);

#endif							/* CK_AWS_H */
