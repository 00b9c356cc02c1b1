/*
 * aws_sign.h: AWS's Signature Version 4 for connectors. libcurl has one too, but which headers it signs depends on its version.
 */
#ifndef CK_AWS_SIGN_H
#define CK_AWS_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Bytes of what is written. */
#define AWS_DATE_SIZE 17
#define AWS_HASH_SIZE 65
#define AWS_AUTHORIZATION_SIZE 2048

/* Headers that one request may have signed. */
#define AWS_HEADERS 40

/* A request that is to be signed. */
typedef struct AwsRequest
{
	const char *region;
	const char *service;
	const char *method;
	const char *path;			/* in canonical form */
	const char *query;			/* in canonical form: encoded, and sorted */
	const char *const *headers; /* those to be signed, "Name: value", up to a NULL: Host and X-Amz-Date among them */
	const char *body_hash;
	const char *access_key_id;
	const char *secret_access_key;
	const char *date;			/* as in X-Amz-Date */
} AwsRequest;

/* The value of X-Amz-Date. */
extern void aws_date(time_t now, char date[AWS_DATE_SIZE]);

/* The hash of a body. */
extern void aws_hash(const char *data, size_t size, char hex[AWS_HASH_SIZE]);

/* Writes the value of Authorization; false: there are too many headers, or a name is too long. */
extern bool aws_sign(const AwsRequest *request, char authorization[AWS_AUTHORIZATION_SIZE]);

#endif							/* CK_AWS_SIGN_H */
