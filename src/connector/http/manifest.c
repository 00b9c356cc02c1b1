/*
 * manifest.c: reads manifests.
 */
#include "http_source.h"
#include "manifest_read.h"

#include <stdio.h>

static bool
read_oauth(Reading *r, const json_t *value, HttpAuthRule *auth)
{
	int			grant,
				in;

	if (!check_names(r, value, "type grant token_url client_id client_secret scope refresh_token credentials_in") ||
		!take_word(r, value, "grant", "client_credentials|refresh_token", &grant) ||
		!take_word(r, value, "credentials_in", "body|header", &in) ||
		!take_text(r, value, "token_url", &auth->token_url) ||
		!take_text(r, value, "client_id", &auth->client_id) ||
		!take_text(r, value, "client_secret", &auth->client_secret) ||
		!take_text(r, value, "refresh_token", &auth->refresh_token) ||
		!take_text(r, value, "scope", &auth->scope))
		return false;
	auth->grant = (HttpGrant) grant;
	auth->in_header = in == 1;
	if (!auth->token_url[0] || !auth->client_id[0])
		return bad(r, auth->token_url[0] ? "client_id" : "token_url", "it is missing");
	return grant != GRANT_REFRESH_TOKEN || auth->refresh_token[0] || bad(r, "refresh_token", "it is missing");
}

static bool
read_aws(Reading *r, const json_t *value, HttpAuthRule *auth)
{
	if (!check_names(r, value, "type region service access_key_id secret_access_key session_token") ||
		!take_text(r, value, "region", &auth->region) || !take_text(r, value, "service", &auth->service) ||
		!take_text(r, value, "access_key_id", &auth->client_id) ||
		!take_text(r, value, "secret_access_key", &auth->client_secret) ||
		!take_text(r, value, "session_token", &auth->token))
		return false;
	return (auth->region[0] && auth->service[0] && auth->client_id[0] && auth->client_secret[0]) ||
		bad(r, "", "region, service, access_key_id and secret_access_key are needed");
}

/* What proves by the same credential each time. */
static bool
read_plain_auth(Reading *r, const json_t *value, HttpAuthRule *auth)
{
	if (!check_names(r, value, "type user password token name in key") ||
		!take_string(r, value, "user", "", &auth->user) || !take_string(r, value, "password", "", &auth->password) ||
		!take_string(r, value, auth->type == AUTH_API_KEY ? "key" : "token", NULL, &auth->token) ||
		!take_string(r, value, "name", NULL, &auth->name) || !take_string(r, value, "in", "header", &auth->in) ||
		!check_text(r, "user", auth->user, NULL) || !check_text(r, "password", auth->password, NULL) ||
		!check_text(r, "token", auth->token, NULL))
		return false;
	if (auth->type == AUTH_BEARER && !auth->token)
		return bad(r, "token", "the token is missing");
	if (auth->type == AUTH_API_KEY && (!auth->token || !auth->name))
		return bad(r, "", "name and key of an API key are needed");
	return strcmp(auth->in, "header") == 0 || strcmp(auth->in, "query") == 0 || bad(r, "in", "it is none of header and query");
}

bool
read_auth(Reading *r, const json_t *object, HttpAuthRule *auth)
{
	json_t	   *value = json_object_get(object, "auth");
	size_t		place = enter(r, "auth");
	int			type;

	if (value && !json_is_object(value))
		return bad(r, "", "an object is expected");
	if (value && !take_word(r, value, "type", "none|basic|bearer|api_key|oauth2|aws_sigv4|jwt", &type))
		return false;
	auth->type = value ? (HttpAuth) type : AUTH_NONE;
	r->session = auth->type == AUTH_OAUTH2 || auth->type == AUTH_AWS_SIGV4 || auth->type == AUTH_JWT;
	if (value && !(auth->type == AUTH_OAUTH2 ? read_oauth(r, value, auth) :
				   auth->type == AUTH_AWS_SIGV4 ? read_aws(r, value, auth) :
				   auth->type == AUTH_JWT ? read_jwt(r, value, auth) : read_plain_auth(r, value, auth)))
		return false;
	r->session = false;
	r->place[place] = '\0';
	return true;
}

static bool
read_option(Reading *r, const char *name, const json_t *value, CkOption *option)
{
	int			on;
	bool		required,
				secret,
				credential;

	if (!check_names(r, value, "on required secret credential default choices help") ||
		!take_word(r, value, "on", "server|user|table", &on) || !take_boolean(r, value, "required", &required) ||
		!take_boolean(r, value, "secret", &secret) || !take_boolean(r, value, "credential", &credential) ||
		!take_string(r, value, "default", NULL, &option->initial) ||
		!take_string(r, value, "choices", NULL, &option->choices) ||
		!take_string(r, value, "help", "", &option->help))
		return false;
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) || strlen(name) >= HTTP_NAME_LIMIT)
		return bad(r, "", "an option's name is made of the letters a-z, digits and underscores");
	if (secret && on != 1)
		return bad(r, "on", "a secret belongs into user mappings: \"user\"");
	option->name = name;
	option->type = option->choices ? CK_OPT_CHOICE : CK_OPT_STRING;
	option->where = (on == 0 ? CK_ON_SERVER : on == 1 ? CK_ON_USER : CK_ON_TABLE) | (required ? CK_REQUIRED : 0) |
		(secret ? CK_SECRET : 0) | (credential ? CK_CREDENTIAL : 0);
	return true;
}

/* The manifest's options behind those that every source over HTTP has. */
static bool
read_options(Reading *r, const json_t *object, HttpManifest *manifest)
{
	json_t	   *values = json_object_get(object, "options");
	size_t		place = enter(r, "options"),
				count = 0,
				own = 0;
	const char *name;
	json_t	   *value;
	CkOption   *options;

	if (values && !json_is_object(values))
		return bad(r, "", "an object is expected");
	while (http_common_options[count].name)
		count++;
	options = keep(r, count + json_object_size(values) + 1, sizeof(CkOption));
	if (!options)
		return false;
	memcpy(options, http_common_options, count * sizeof(CkOption));
	json_object_foreach(values, name, value)
	{
		size_t		outer = enter(r, name);

		for (size_t i = 0; i < count; i++)
			if (strcmp(options[i].name, name) == 0)
				return bad(r, "", "every source over HTTP has an option of that name");
		options[count].offset = offsetof(HttpOptions, values) + own * sizeof(char *);
		if (!read_option(r, name, value, &options[count]))
			return false;
		count++;
		own++;
		r->place[outer] = '\0';
	}
	r->place[place] = '\0';
	manifest->pub.options = r->options = options;
	manifest->pub.options_size = sizeof(HttpOptions) + own * sizeof(char *);
	return true;
}

static bool
check_columns(Reading *r, const HttpTable *table)
{
	if (!table->columns && !table->infer)
		return bad(r, "columns", "the columns are missing");
	return !table->infer || !table->sql.required[0] ||
		bad(r, "columns", "they cannot be inferred from a table that can only be asked for given values");
}

static bool
read_tables(Reading *r, const json_t *object, HttpManifest *manifest)
{
	json_t	   *tables = json_object_get(object, "tables");
	size_t		place = enter(r, "tables");
	const char *name,
			   *check;
	json_t	   *value;

	if (!tables && json_object_get(object, "discover"))
	{
		r->place[place] = '\0';
		return true;
	}
	if (!json_is_object(tables) || json_object_size(tables) == 0)
		return bad(r, "", "an object with at least one table is expected");
	manifest->tables = keep(r, json_object_size(tables), sizeof(HttpTable));
	if (!manifest->tables)
		return false;
	json_object_foreach(tables, name, value)
	{
		size_t		outer = enter(r, name);

		if (!read_table(r, name, value, &manifest->tables[manifest->ntables++]))
			return false;
		if (!check_columns(r, &manifest->tables[manifest->ntables - 1]) ||
			!check_faults(r, &manifest->faults, &manifest->tables[manifest->ntables - 1]))
			return false;
		r->place[outer] = '\0';
	}
	if (!find_parents(r, manifest->tables, manifest->ntables))
		return false;
	r->place[place] = '\0';
	if (!take_string(r, object, "check", NULL, &check))
		return false;
	for (size_t i = 0; check && i < manifest->ntables; i++)
		if (strcmp(manifest->tables[i].name, check) == 0)
			manifest->check = &manifest->tables[i];
	if (check && !manifest->check)
		return bad(r, "check", "there is no such table");
	return !check || (!manifest->check->sql.required[0] && !manifest->check->parent.table) ||
		bad(r, "check", "the table can only be asked for given values");
}

static bool
read_manifest(Reading *r, const json_t *json, HttpManifest *m)
{
	int64_t		edition;
	const char *name,
			   *docs;

	if (!check_names(r, json, "manifest name version title docs options base_url auth headers errors error_message "
					 "rate_limit tables check discover") ||
		!take_integer(r, json, "manifest", 0, 1, &edition) ||
		!take_string(r, json, "name", NULL, &name) || !take_string(r, json, "version", NULL, &m->pub.version) ||
		!take_string(r, json, "title", name, &m->pub.title) || !take_string(r, json, "docs", NULL, &docs) ||
		!take_string(r, json, "base_url", NULL, &m->base_url) || !read_options(r, json, m))
		return false;
	if (edition != 1)
		return bad(r, "manifest", "1 is expected, the edition of what a manifest holds");
	if (!name || !m->pub.version || !m->base_url)
		return bad(r, !name ? "name" : !m->base_url ? "base_url" : "version", "it is missing");
	m->pub.name = name;
	return check_text(r, "base_url", m->base_url, NULL) && read_auth(r, json, &m->auth) &&
		take_pairs(r, json, "headers", NULL, &m->headers) && read_faults(r, json, &m->faults) &&
		read_rate_limit(r, json, true, &m->rate_limit) && read_tables(r, json, m) && read_lists(r, json, m);
}

const CkConnector *
http_from_manifest(const char *text, size_t size, char *error, size_t error_size)
{
	Reading		r = {.error = error, .error_size = error_size};
	json_error_t fault;
	json_t	   *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &fault);
	HttpManifest *m;

	if (!json)
	{
		snprintf(error, error_size, "it is no JSON: %s at line %d", fault.text, fault.line);
		return NULL;
	}
	m = keep(&r, 1, sizeof(*m));
	if (m)
		m->pub = http_ad_hoc.pub;
	if (m && read_manifest(&r, json, m))
	{
		m->pub.from_manifest = NULL;
		m->pub.caps |= CK_DISCOVER;
		m->pub.caps &= ~CK_WRITE;
		for (size_t i = 0; i < m->ntables; i++)
			m->pub.caps |= m->tables[i].sql.changes ? CK_WRITE : 0;
		return &m->pub;
	}
	drop(&r);
	json_decref(json);
	return NULL;
}
