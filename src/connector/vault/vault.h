/*
 * vault.h: what the files of the vault connector know of each other.
 */
#ifndef CK_VAULT_H
#define CK_VAULT_H

#include "connkit.h"
#include "http.h"
#include "provider.h"

typedef struct VaultOptions
{
	const char *address;
	const char *vault_namespace;
	const char *mount;
	const char *auth;
	const char *approle_mount;
	CkHttpTls	tls;
	const char *token;
	const char *role_id;
	const char *secret_id;
} VaultOptions;

typedef struct VaultSession
{
	CkHttp	   *http;
	char	   *token;			/* that a login gave; NULL: the option's serves */
	bool		proven;			/* the server said that the token is good */
	int64_t		expires_ms;		/* on ck_now_ms()'s clock; 0: never, or not known */
} VaultSession;

/* An answer of the server. */
typedef struct VaultReply
{
	CkHttpReply http;
	json_t	   *json;			/* NULL: no body */
} VaultReply;

/* call.c: GET of a path below /v1/, or POST where there is a body. CK_OK: an answer, of whatever status. */
extern CkStatus vault_call(CkSession *session, const char *path, const char *token, const json_t *body,
						   VaultReply *reply);
/* Tells the error that an answer stands for. */
extern CkStatus vault_fail(CkSession *session, const VaultReply *reply);
/* True where one of the answer's errors holds that text. */
extern bool vault_complains(const VaultReply *reply, const char *text);
extern void vault_reply_free(VaultReply *reply);

/* login.c: proves who the session is, and makes a token last that is about to expire. */
extern CkStatus vault_login(CkSession *session);
/* The token to send. */
extern const char *vault_token(const CkSession *session);

/* secret.c */
extern CkStatus vault_secret_get(CkSession *session, const char *text, CkSecret *secret);

#endif							/* CK_VAULT_H */
