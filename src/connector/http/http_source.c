/*
 * http_source.c: the connector for APIs over HTTP: its options, sessions, scans and catalog.
 */
#include "http_source.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT(name, where, field, initial, help) \
	{name, CK_OPT_STRING, where, offsetof(HttpOptions, field), initial, 0, 0, NULL, help, NULL}

#define COMMON_OPTIONS \
	CK_HTTP_TLS_OPTIONS(HttpOptions, tls), \
	{"max_record_size", CK_OPT_INTEGER, CK_ON_SERVER | CK_ON_TABLE, offsetof(HttpOptions, max_record_size), "67108864", 1, \
	1 << 30, NULL, "bytes that one record of a reply may have", NULL}, \
	{"max_reply_size", CK_OPT_INTEGER, CK_ON_SERVER | CK_ON_TABLE, offsetof(HttpOptions, max_reply_size), "17179869184", 1, \
	INT64_C(1) << 50, NULL, "bytes that one reply may have, unpacked", NULL}, \
	{"max_attempts", CK_OPT_INTEGER, CK_ON_SERVER | CK_ON_TABLE, offsetof(HttpOptions, max_attempts), "6", 1, 100, NULL, \
	"times that a request is sent where the source asks for patience", NULL}, \
	{"max_wait", CK_OPT_INTEGER, CK_ON_SERVER | CK_ON_TABLE, offsetof(HttpOptions, max_wait), "300", 0, 86400, NULL, \
	"seconds that a request may wait until the source, or max_requests, lets it through", NULL}, \
	{"max_requests", CK_OPT_INTEGER, CK_ON_SERVER, offsetof(HttpOptions, max_requests), "0", 0, INT32_MAX, NULL, \
	"requests that the source gets in max_requests_seconds, of all processes; 0: as the manifest says, or any number", NULL}, \
	{"max_requests_seconds", CK_OPT_INTEGER, CK_ON_SERVER, offsetof(HttpOptions, max_requests_seconds), "60", 1, \
	MAX_REQUESTS_SECONDS, NULL, "seconds that max_requests is for", NULL}, \
	TEXT("proxy", CK_ON_SERVER, proxy, NULL, "proxy that requests go by: http://host:port"), \
	TEXT("proxy_user", CK_ON_USER, proxy_user, NULL, "user at the proxy"), \
	TEXT("proxy_password", CK_ON_USER | CK_SECRET, proxy_password, NULL, "his password")

const CkOption http_common_options[] = {
	COMMON_OPTIONS,
	{NULL}
};

static const CkOption ad_hoc_options[] = {
	COMMON_OPTIONS,
	TEXT("base_url", CK_ON_SERVER | CK_REQUIRED, base_url, NULL, "https://host/path that the tables' paths follow"),
	{"auth", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(HttpOptions, auth), "none", 0, 0,
	"none|basic|bearer|api_key|oauth2|aws_sigv4|jwt",
	"how requests prove whose they are", NULL},
	TEXT("api_key_name", CK_ON_SERVER, api_key_name, "X-API-Key", "header or parameter that has the API key"),
	{"api_key_in", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(HttpOptions, api_key_in), "header", 0, 0, "header|query",
	"where the API key stands", NULL},
	{"oauth_grant", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(HttpOptions, oauth_grant), "client_credentials", 0, 0,
	"client_credentials|refresh_token", "what a token is asked for with, with auth \"oauth2\"", NULL},
	TEXT("oauth_token_url", CK_ON_SERVER, oauth_token_url, NULL, "URL where tokens are asked for"),
	TEXT("oauth_scope", CK_ON_SERVER, oauth_scope, NULL, "what the token is to be good for"),
	{"oauth_credentials_in", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(HttpOptions, oauth_credentials_in), "body", 0, 0,
	"body|header", "where the client's id and secret stand", NULL},
	{"jwt_algorithm", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(HttpOptions, jwt_algorithm), "RS256", 0, 0, "RS256|ES256",
	"how tokens are signed, with auth \"jwt\"", NULL},
	TEXT("jwt_claims", CK_ON_SERVER, jwt_claims, "{}", "what tokens claim, as a JSON object"),
	TEXT("jwt_lifetime", CK_ON_SERVER, jwt_lifetime, "10 minutes", "how long a token is good"),
	TEXT("aws_region", CK_ON_SERVER, aws_region, NULL, "region, with auth \"aws_sigv4\""),
	TEXT("aws_service", CK_ON_SERVER, aws_service, NULL, "the service's name in signatures"),
	TEXT("headers", CK_ON_SERVER, headers, NULL, "headers of all requests, as a JSON object of texts"),
	TEXT("user", CK_ON_USER, user, NULL, "user, with auth \"basic\""),
	TEXT("password", CK_ON_USER | CK_SECRET, password, NULL, "password, with auth \"basic\""),
	TEXT("token", CK_ON_USER | CK_SECRET, token, NULL, "token, with auth \"bearer\""),
	TEXT("api_key", CK_ON_USER | CK_SECRET, api_key, NULL, "key, with auth \"api_key\""),
	TEXT("oauth_client_id", CK_ON_USER, oauth_client_id, NULL, "the client's id, with auth \"oauth2\""),
	TEXT("oauth_client_secret", CK_ON_USER | CK_SECRET, oauth_client_secret, NULL, "the client's secret"),
	TEXT("oauth_refresh_token", CK_ON_USER | CK_SECRET, oauth_refresh_token, NULL, "token that others are asked for with"),
	TEXT("jwt_private_key", CK_ON_USER | CK_SECRET, jwt_private_key, NULL, "key that signs tokens, as PEM"),
	TEXT("jwt_key_id", CK_ON_USER, jwt_key_id, NULL, "its id"),
	TEXT("aws_access_key_id", CK_ON_USER, aws_access_key_id, NULL, "id of the access key"),
	TEXT("aws_secret_access_key", CK_ON_USER | CK_SECRET, aws_secret_access_key, NULL, "its secret"),
	TEXT("aws_session_token", CK_ON_USER | CK_SECRET, aws_session_token, NULL, "token of temporary credentials"),
	{"method", CK_OPT_CHOICE, CK_ON_TABLE, offsetof(HttpOptions, method), NULL, 0, 0, "GET|POST",
	"default: GET, or POST where there is a body", NULL},
	TEXT("path", CK_ON_TABLE, path, NULL, "what follows base_url"),
	TEXT("params", CK_ON_TABLE, params, NULL, "parameters of the URL, as a JSON object of texts"),
	TEXT("request_headers", CK_ON_TABLE, table_headers, NULL, "headers of the table's requests, as a JSON object of texts"),
	TEXT("body", CK_ON_TABLE, body, NULL, "JSON that is sent with the request"),
	{"format", CK_OPT_CHOICE, CK_ON_TABLE, offsetof(HttpOptions, format), "json", 0, 0, "json|json_lines|csv|xml",
	"form of the reply", NULL},
	TEXT("delimiter", CK_ON_TABLE, delimiter, NULL, "what divides the fields of CSV; default: a comma"),
	TEXT("records", CK_ON_TABLE, records, NULL, "path of the list of records in the reply; default: all of it"),
	TEXT("unnest", CK_ON_TABLE, unnest, NULL, "path of a list within a record, each element of which makes a row"),
	TEXT("paging", CK_ON_TABLE, paging, NULL, "how the next page is asked for: link_header, or a JSON object"),
	TEXT("filters", CK_ON_TABLE, filters, NULL, "what conditions on columns become in the request, as a JSON object"),
	{"concurrency", CK_OPT_INTEGER, CK_ON_TABLE, offsetof(HttpOptions, concurrency), "4", 1, HTTP_PAGES, NULL,
	"requests that may be under way at once, where a query needs several", NULL},
	TEXT("clauses", CK_ON_TABLE, clauses, NULL, "the query language of filters that are clauses, as a JSON object"),
	TEXT("order", CK_ON_TABLE, order, NULL, "orders that the source has, as a JSON object"),
	TEXT("cursor", CK_ON_TABLE, cursor, NULL, "the column that grows with every change, as a JSON object"),
	TEXT("errors", CK_ON_SERVER | CK_ON_TABLE, errors, NULL, "what errors stand for, as JSON: {\"404\": \"empty\"}"),
	TEXT("write", CK_ON_TABLE, write, NULL, "what INSERT, UPDATE and DELETE become, as a JSON object"),
	TEXT("error_message", CK_ON_SERVER | CK_ON_TABLE, error_message, NULL, "path of the source's words in the body of an error"),
	TEXT("rate_limit", CK_ON_SERVER | CK_ON_TABLE, rate_limit, NULL, "headers that tell how many requests are left, as JSON"),
	{NULL}
};

HttpAuthRule
http_auth_rule(const HttpManifest *manifest, const HttpOptions *options)
{
	static const char *const words[] = {"none", "basic", "bearer", "api_key", "oauth2", "aws_sigv4", "jwt"};
	HttpAuthRule rule = {.user = "{user}", .password = "{password}", .name = options->api_key_name, .in = options->api_key_in,
		.token_url = "{oauth_token_url}", .client_id = "{oauth_client_id}", .client_secret = "{oauth_client_secret}",
		.refresh_token = "{oauth_refresh_token}", .scope = "{oauth_scope}",
		.region = "{aws_region}", .service = "{aws_service}"};

	if (!manifest->ad_hoc)
		return manifest->auth;
	while (strcmp(words[rule.type], options->auth) != 0)
		rule.type++;
	rule.token = rule.type == AUTH_API_KEY ? "{api_key}" : "{token}";
	if (rule.type == AUTH_AWS_SIGV4)
	{
		rule.client_id = "{aws_access_key_id}";
		rule.client_secret = "{aws_secret_access_key}";
		rule.token = "{aws_session_token}";
	}
	rule.lifetime = options->jwt_lifetime;
	rule.elliptic = strcmp(options->jwt_algorithm, "ES256") == 0;
	if (rule.type == AUTH_JWT)
	{
		rule.client_id = "{jwt_key_id}";
		rule.client_secret = "{jwt_private_key}";
		rule.grant = GRANT_JWT;
		return rule;
	}
	rule.grant = strcmp(options->oauth_grant, "refresh_token") == 0 ? GRANT_REFRESH_TOKEN : GRANT_CLIENT_CREDENTIALS;
	rule.in_header = strcmp(options->oauth_credentials_in, "header") == 0;
	return rule;
}

/* The headers of all requests: of the manifest, or of the server. The caller gives json back, which holds their texts. */
static CkStatus
session_headers(CkSession *session)
{
	const HttpManifest *manifest = (const HttpManifest *) session->connector;
	const HttpOptions *o = session->options;
	HttpSession *state = session->state;
	size_t		n = 0;
	const char *name;
	json_t	   *value;

	state->headers = manifest->headers;
	if (!manifest->ad_hoc || !o->headers)
		return CK_OK;
	state->header_json = json_loads(o->headers, JSON_REJECT_DUPLICATES, NULL);
	state->own_headers = calloc(json_object_size(state->header_json) + 1, sizeof(HttpPair));
	if (!state->own_headers)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	json_object_foreach(state->header_json, name, value)
		state->own_headers[n++] = (HttpPair) {.name = name, .text = json_string_value(value)};
	for (size_t i = 0; i < n; i++)
		if (!state->own_headers[i].text)
			n = 0;
	state->headers = state->own_headers;
	if (n > 0)
		return CK_OK;
	ck_fail(session, CK_ERR_OPTION, "the option headers is no JSON object of texts");
	ck_hint(session, "Write it as {\"Accept\": \"application/json\"}.");
	return CK_ERR_OPTION;
}

/* Has requests go by the proxy of the options. */
static CkStatus
set_proxy(CkSession *session)
{
	const HttpOptions *o = session->options;
	HttpSession *state = session->state;
	const char *host = o->proxy ? strstr(o->proxy, "://") : NULL;

	if (!o->proxy)
		return CK_OK;
	if (!host || strchr(o->proxy, '@'))
	{
		ck_fail(session, CK_ERR_OPTION, "the option proxy is no URL that can be used");
		ck_hint(session, "Write it as http://host:port; the user mapping has proxy_user and proxy_password.");
		return CK_ERR_OPTION;
	}
	text_append(&state->proxy, o->proxy, (size_t) (host - o->proxy) + 3);
	if (o->proxy_user)
	{
		text_encoded(&state->proxy, o->proxy_user, strlen(o->proxy_user));
		text_string(&state->proxy, ":");
		if (o->proxy_password)
			text_encoded(&state->proxy, o->proxy_password, strlen(o->proxy_password));
		text_string(&state->proxy, "@");
	}
	text_string(&state->proxy, host + 3);
	ck_http_set_proxy(state->http, state->proxy.data);
	return http_check_text(session, &state->proxy);
}

static CkStatus
http_session_open(CkSession *session)
{
	const HttpOptions *o = session->options;
	HttpSession *state = session->state;
	CkStatus	status;

	state->http = ck_http_new(&o->tls);
	if (!state->http)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	status = set_proxy(session);
	return status == CK_OK ? session_headers(session) : status;
}

static void
http_session_close(CkSession *session)
{
	HttpSession *state = session->state;

	ck_http_free(state->http);
	text_free(&state->proxy);
	free(state->own_headers);
	json_decref(state->header_json);
	http_auth_free(state);
	memset(state, 0, sizeof(*state));
}

/* A path of one name. */
static char **
whole_path(const char *name)
{
	char	  **path = calloc(1, 2 * sizeof(char *) + strlen(name) + 1);

	if (path)
		path[0] = strcpy((char *) (path + 2), name);
	return path;
}

/* Finds the columns that the scan has to deliver. */
static CkStatus
find_columns(CkScan *scan)
{
	HttpScan   *http = scan->state;

	http->columns = calloc(scan->ncolumns + 1, sizeof(*http->columns));
	http->paths = calloc(scan->ncolumns + 1, sizeof(*http->paths));
	http->names = calloc(scan->ncolumns + 1, sizeof(*http->names));
	http->flat = calloc(scan->ncolumns + 1, sizeof(*http->flat));
	if (!http->columns || !http->paths || !http->names || !http->flat)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		const char *name = scan->columns[i].name;

		http->columns[i] = http_column(http->table, name);
		if (http->columns[i])
			http->paths[i] = http->columns[i]->path;
		else if (http->table->listed && http->table->values)
		{
			http->paths[i] = http->table->values;
			http->flat[i] = name;
		}
		else if (http->table->columns && !http->table->listed)
		{
			ck_fail(scan->session, CK_ERR_NOT_FOUND, "table \"%s\" has no column \"%s\"", http->name, name);
			ck_hint(scan->session, "connkit_discover() lists its columns; the column's option column_name says which it is.");
			return CK_ERR_NOT_FOUND;
		}
		else
		{
			http->names[i] = http->table->listed || http->table->infer ? whole_path(name) : json_split_path(name);
			if (!http->names[i])
				return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
			http->paths[i] = (JsonPath) http->names[i];
		}
	}
	return CK_OK;
}

/* Finds which members of a record the columns are in, and those that say what a row belongs to. */
static CkStatus
find_members(CkScan *scan)
{
	HttpScan   *http = scan->state;
	size_t		n = 0;

	/* what tells of an error may be in the one record that the reply is */
	if (!http->table->records[0] && http_judges_whole(http))
		return CK_OK;
	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		if (!http->paths[i][0])
			return CK_OK;
		http->text |= scan->columns[i].type == CK_JSON;
	}
	if (http->table->paging.from_record && !http->table->paging.next[0])
		return CK_OK;
	for (uint32_t i = 0; i < http->nconditions; i++)
		if (http->conditions[i].filter->at && !http->conditions[i].filter->at[0])
			return CK_OK;
	http->members = calloc(scan->ncolumns + http->nconditions + 4, sizeof(*http->members));
	if (!http->members)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	for (uint32_t i = 0; i < scan->ncolumns; i++)
		http->members[n++] = http->paths[i];
	for (uint32_t i = 0; i < http->nconditions; i++)
		if (http->conditions[i].filter->at)
			http->members[n++] = http->conditions[i].filter->at;
	if (http->table->unnest && http->table->unnest[0])
		http->members[n++] = http->table->unnest;
	if (http->table->values && http->table->values[0])
		http->members[n++] = http->table->values;
	if (http->table->paging.from_record)
		http->members[n++] = http->table->paging.next;
	http->text |= http->table->paging.from_record && http->table->paging.in_body;
	return CK_OK;
}

CkStatus
http_find_table(CkScan *scan)
{
	HttpSession *session = scan->session->state;
	HttpScan   *http = scan->state;
	char		error[512] = "";

	http->manifest = (const HttpManifest *) scan->session->connector;
	http->options = scan->options;
	http->page = http->pages;
	http->server_headers = session->headers;
	http_read_name(scan);
	http->table = http_table(&http->manifest->pub, http->options, scan->schema_name, http->name, error, sizeof(error));
	if (!http->table)
	{
		ck_fail(scan->session, CK_ERR_OPTION, "foreign table \"%s\": %s", http->name, error);
		ck_hint(scan->session, "docs/manifest.md says what a table's options hold.");
		return CK_ERR_OPTION;
	}
	return find_columns(scan);
}

static CkStatus
http_scan_open(CkScan *scan)
{
	HttpScan   *http = scan->state;
	CkStatus	status = http_find_table(scan);

	if (status == CK_OK && scan->message)
		return http_message_open(scan);
	if (status == CK_OK && (scan->flags & CK_SCAN_CHANGE))
		return http_change_open(scan);
	if (status == CK_OK)
		status = http_read_request(scan);
	http->frugal |= http->limit < INT64_MAX;
	if (status == CK_OK && !http->nothing)
		status = http_parent_open(scan);
	if (status == CK_OK)
		status = http_take_windows(scan);
	if (status == CK_OK)
		status = find_members(scan);
	if (status == CK_OK && !http->nothing)
		status = http_first_part(scan);
	if (status != CK_END)
		return status;
	http->nothing = true;
	return CK_OK;
}

/* Sees that a record is an object or a list, unless a column is all of it: a text or a number would be a row of NULLs. */
static CkStatus
check_record(CkScan *scan)
{
	HttpScan   *http = scan->state;
	JsonKind	kind = http->page->record->nodes[1].kind;
	const HttpTable *table = http->table;

	if (table->values && scan->ncolumns > 0 && !json_find(http->page->record, 1, table->values))
		return ck_fail(scan->session, CK_ERR_PROTOCOL, "a record of table \"%s\" lacks its values", http->name);
	if (kind == JSON_KIND_OBJECT || kind == JSON_KIND_LIST || table->ncolumns == 0)
		return CK_OK;
	for (size_t i = 0; i < table->ncolumns; i++)
		if (!table->columns[i].path[0])
			return CK_OK;
	return ck_fail(scan->session, CK_ERR_PROTOCOL, "a record of table \"%s\" is no object", scan->table_name);
}

/* Goes to the next row of the record at hand, or of the next; CK_END where there is none on this page. */
static CkStatus
next_row(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	JsonPath	unnest = http->table->unnest;
	CkStatus	status;

	if (page->record && page->element)
	{
		page->element = page->record->nodes[page->element].next;
		if (page->element)
			return CK_OK;
	}
	for (;;)
	{
		uint32_t	list;

		status = http_next_record(scan);
		if (status == CK_OK)
			status = check_record(scan);
		if (status != CK_OK || !unnest)
			return status;
		list = json_find(page->record, 1, unnest);
		page->element = list && page->record->nodes[list].kind == JSON_KIND_LIST ? page->record->nodes[list].first : 0;
		if (page->element)
			return CK_OK;
	}
}

static CkStatus
http_scan_next(CkScan *scan, CkRow *row)
{
	HttpScan   *http = scan->state;
	CkStatus	status;

	if (scan->message)
		return http_message_next(scan, row);
	if (http->change)
		return http_change_next(scan, row);
	if (http->nothing || http->limit <= 0)
		return CK_END;
	do
	{
		while ((status = next_row(scan)) == CK_END)
		{
			status = http_next_page(scan);
			if (status == CK_END)
				status = http_next_part(scan);
			if (status != CK_OK)
				return status;
		}
		if (status == CK_OK)
			status = http_belongs(http) ? http_in_window(scan) : CK_END;
	} while (status == CK_END);
	http->limit--;
	for (uint32_t i = 0; i < scan->ncolumns && status == CK_OK; i++)
		status = http_put(scan, row, i);
	return status;
}

static void
http_scan_close(CkScan *scan)
{
	HttpScan   *http = scan->state;

	for (int i = 0; i < HTTP_PAGES; i++)
	{
		http->page = &http->pages[i];
		http_end_page(http->page);
		(void) http_give_back(scan, scan->orderly);
		http_page_free(http->page);
	}
	http_parent_free(scan);
	http_ids_release(http->ids);
	http_conditions_free(http);
	http_change_free(http);
	for (uint32_t i = 0; http->names && i < scan->ncolumns; i++)
		free(http->names[i]);
	free(http->names);
	free(http->paths);
	free(http->flat);
	free(http->members);
	free(http->columns);
	memset(http, 0, sizeof(*http));
}

/* Asks for a record of the table that the manifest names, or for what is at the base URL. */
static CkStatus
http_session_check(CkSession *session)
{
	const HttpManifest *manifest = (const HttpManifest *) session->connector;
	HttpSession *state = session->state;
	static const char *const all[] = {NULL};
	static const HttpTable root = {.name = "", .method = "GET", .path = "", .records = all};
	HttpScan	http = {
		.manifest = manifest, .options = session->options, .server_headers = state->headers, .limit = 1, .wanted = 1,
		.table = manifest->check ? manifest->check : &root
	};
	CkScan		scan = {.session = session, .options = session->options, .table_name = http.table->name, .state = &http};
	const CkHttpReply *reply;
	char		text[256];
	CkStatus	status;

	http.page = http.pages;
	ck_stage(session, CK_STAGE_QUERY, NULL);
	status = manifest->check ? http_read_request(&scan) : CK_OK;
	if (status == CK_OK)
		status = http_begin_page(&scan);
	if (status == CK_OK && manifest->check)
	{
		status = http_next_record(&scan);
		status = status == CK_END ? CK_OK : status;
	}
	else if (status == CK_OK)
	{
		status = ck_http_reply(http.page->stream, &reply);
		if (status == CK_OK && (reply->status == 401 || reply->status == 403 || reply->status >= 500))
			status = ck_http_fail(session, reply);
		if (status == CK_OK)
		{
			snprintf(text, sizeof(text), "base_url answers with status %d", reply->status);
			ck_stage(session, CK_STAGE_QUERY, text);
		}
	}
	if (status == CK_OK)
	{
		snprintf(text, sizeof(text), "%s, manifest %s", manifest->pub.title, manifest->pub.version);
		ck_server_version(session, manifest->ad_hoc ? manifest->pub.title : text);
		ck_stage(session, CK_STAGE_PRIVILEGES, "an API does not tell them");
	}
	http_scan_close(&scan);
	return status;
}

static const CkSql *
http_dialect(const CkConnector *connector, const void *options, const char *schema_name, const char *table_name)
{
	static const HttpTable unknown = {.sql = {.filter = http_filter, .quote = '"'}};
	char		error[512];
	const HttpTable *table = table_name ? http_table(connector, options, schema_name, table_name, error, sizeof(error)) : NULL;

	/* what is wrong with it is told when it is read */
	return table ? &table->sql : &unknown.sql;
}

const HttpManifest http_ad_hoc = {
	.pub = {
		.abi = CK_ABI,
		.caps = CK_READ | CK_FILTERS | CK_WRITE | CK_MULTI | CK_HTTP,
		.name = "http",
		.title = "APIs over HTTP",
		.version = "0.1 (libcurl " LIBCURL_VERSION ")",
		.options = ad_hoc_options,
		.options_size = sizeof(HttpOptions),
		.session_size = sizeof(HttpSession),
		.scan_size = sizeof(HttpScan),
		.dialect = http_dialect,
		.from_manifest = http_from_manifest,
		.session_open = http_session_open,
		.session_close = http_session_close,
		.session_check = http_session_check,
		.discover = http_discover,
		.scan_open = http_scan_open,
		.scan_next = http_scan_next,
		.scan_close = http_scan_close,
		.receive = http_receive,
	},
	.ad_hoc = true,
};

const CkConnector *
connkit_connector(void)
{
	return &http_ad_hoc.pub;
}
