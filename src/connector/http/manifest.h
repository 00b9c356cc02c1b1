/*
 * manifest.h: what a manifest says of a source, its tables and how they are asked for.
 *
 * A manifest that was read stays for good, and so do its strings.
 */
#ifndef CK_HTTP_MANIFEST_H
#define CK_HTTP_MANIFEST_H

#include "connkit.h"
#include "fault.h"
#include "http.h"

/* Its json_object() cannot be called: PostgreSQL has a function of that name, which would be taken for it. */
#include <jansson.h>

#include "json.h"
#include "write.h"

/* Bytes of a value's name in {braces}. */
#define HTTP_NAME_LIMIT 64

typedef struct HttpOptions
{
	CkHttpTls	tls;
	const char *proxy;
	const char *proxy_user;
	const char *proxy_password;
	int64_t		max_attempts;
	int64_t		max_wait;			/* seconds */
	int64_t		max_requests;		/* in so many seconds; 0: as the manifest says */
	int64_t		max_requests_seconds;
	int64_t		max_record_size;	/* bytes */
	int64_t		max_reply_size;

	/* of the wrapper connkit_http, which has no manifest */
	const char *base_url;
	const char *auth;
	const char *api_key_name;
	const char *api_key_in;
	const char *user;
	const char *password;
	const char *token;
	const char *api_key;
	const char *oauth_grant;
	const char *oauth_token_url;
	const char *oauth_scope;
	const char *oauth_credentials_in;
	const char *oauth_client_id;
	const char *oauth_client_secret;
	const char *oauth_refresh_token;
	const char *jwt_algorithm;
	const char *jwt_claims;
	const char *jwt_lifetime;
	const char *jwt_private_key;
	const char *jwt_key_id;
	const char *aws_region;
	const char *aws_service;
	const char *aws_access_key_id;
	const char *aws_secret_access_key;
	const char *aws_session_token;
	const char *headers;		/* of the server */
	const char *method;			/* what follows is of the table */
	const char *path;
	const char *params;
	const char *table_headers;
	const char *body;
	const char *format;
	const char *delimiter;
	const char *records;
	const char *unnest;
	const char *paging;
	const char *filters;
	const char *errors;
	const char *write;
	const char *error_message;
	const char *rate_limit;
	int64_t		concurrency;
	const char *clauses;
	const char *order;
	const char *cursor;

	const char *values[];		/* of the manifest's own options, in its order */
} HttpOptions;

/* A name and a text with values in {braces}. */
typedef struct HttpPair
{
	const char *name;			/* NULL ends a list */
	const char *text;
} HttpPair;

typedef enum HttpPagingType
{
	PAGING_NONE,
	PAGING_PAGE,				/* the number of the page */
	PAGING_OFFSET,				/* the number of records before it */
	PAGING_CURSOR,				/* what the reply says stands for the next page */
	PAGING_NEXT_LINK,			/* the next page's URL in the reply */
	PAGING_LINK_HEADER,			/* or in its header Link */
	PAGING_LIST					/* pages are at the addresses that the last request before them lists */
} HttpPagingType;

typedef enum HttpAuth
{
	AUTH_NONE,
	AUTH_BASIC,
	AUTH_BEARER,
	AUTH_API_KEY,
	AUTH_OAUTH2,
	AUTH_AWS_SIGV4,
	AUTH_JWT
} HttpAuth;

/* What a token of OAuth 2 is asked for with. */
typedef enum HttpGrant
{
	GRANT_CLIENT_CREDENTIALS,
	GRANT_REFRESH_TOKEN,
	GRANT_JWT					/* with an empty token_url none is asked for: it is the token itself */
} HttpGrant;

/* How a request proves whose it is; texts with values. */
typedef struct HttpAuthRule
{
	HttpAuth	type;
	const char *user;			/* of basic */
	const char *password;
	const char *token;			/* of bearer, or the API key, or AWS's session token */
	const char *name;			/* of the header or parameter that has the API key */
	const char *in;				/* "header" or "query" */

	HttpGrant	grant;			/* of OAuth 2 */
	const char *token_url;
	const char *client_id;		/* or the access key's, of AWS; or the private key's, of JWT */
	const char *client_secret;	/* or the private key */
	const char *refresh_token;
	const char *scope;
	const char *region;			/* of AWS */
	const char *service;
	bool		in_header;		/* id and secret go as Basic, and not in the body */
	const json_t *claims;		/* of JWT: an object, texts in which have values */
	const char *lifetime;		/* "10 minutes" */
	bool		elliptic;		/* ES256 and not RS256 */
} HttpAuthRule;

/* Addresses of one kind, scheme://place/rest, as a list of pages has them, and how they are asked for. */
typedef struct HttpSite
{
	const char *scheme;			/* NULL ends a list */
	const char *url;			/* text with values, of which {place} and {rest} are those of the address */
	HttpAuthRule auth;
} HttpSite;

typedef struct HttpPaging
{
	HttpPagingType type;
	const char *param;			/* parameter that gets page, offset or cursor */
	const char *size_param;		/* parameter that gets the number of records of a page, or NULL */
	const char *limit_param;	/* parameter that gets the number of rows that are wanted, where not all are; or NULL */
	bool		in_body;		/* they are paths in the body */
	JsonPath	param_at;		/* with in_body; NULL: none */
	JsonPath	size_at;
	JsonPath	limit_at;
	int64_t		size;			/* that number; 0: not known */
	int64_t		start;			/* of the first page, or the first record */
	JsonPath	next;			/* in the reply: cursor or URL */
	bool		from_record;	/* in its last record */
	JsonPath	records;		/* of a list of pages: what holds them; in each, next is the address */
	HttpSite  *places;			/* and the kinds of these */
	JsonPath	last;			/* in the reply: true for the last page; or NULL */
	JsonPath	more;			/* in the reply: true for all but the last; or NULL */
	JsonPath	total;			/* in the reply: how many records all pages have; or NULL */
	bool		stop_short;		/* a page of fewer records than size is the last */
	int64_t		max_pages;
} HttpPaging;

#define FILTER_EQUAL		0x01u
#define FILTER_NOT_EQUAL	0x02u
#define FILTER_LESS			0x04u
#define FILTER_LESS_EQUAL	0x08u
#define FILTER_GREATER		0x10u
#define FILTER_GREATER_EQUAL	0x20u
#define FILTER_IN			0x40u

typedef enum HttpFormat
{
	FORMAT_PLAIN,				/* as text; times as ISO 8601 in UTC */
	FORMAT_UNIX,				/* seconds since 1970 */
	FORMAT_UNIX_MS,
	FORMAT_DATE,				/* the day of a time; for conditions, a superset's */
	FORMAT_ISO_OR_MS,			/* of columns: a date of which parts may lack, in UTC, or milliseconds of other than 4 digits */
	FORMAT_PATTERN				/* as strftime() has it, of a filter */
} HttpFormat;

/* What a condition on a column becomes in the request. */
typedef struct HttpFilter
{
	const char *column;			/* NULL: any of one of these types at the source, divided by blanks, which is read as form here */
	JsonPath	at;				/* where a record has it; NULL of types */
	const char *types;
	CkType		form;
	int			step;			/* 0: it is for the requests of pages; else for that of the steps before them, from 1 on */
	int64_t		length[2];		/* least and most units of UTF-16 of texts that are sent; -1: most is the type's argument */
	int64_t		within[2];		/* the same of integers */
	uint32_t	ops;			/* FILTER_*, those that it is for */
	const char *param;			/* the query parameter; NULL: its value stands in the path in {braces}, or in the body */
	JsonPath	body;			/* where its value, or that JSON with its value, is put into the body; or NULL */
	const json_t *value;
	const char *clause;			/* or it is a condition in the table's query language, with {value} or {values} */
	const json_t *wrap;			/* JSON around that; or NULL */
	HttpFormat	format;
	const char *pattern;		/* of FORMAT_PATTERN */
	int64_t		unit;			/* microseconds between two moments that the pattern tells apart */
	int64_t		widen;			/* microseconds by which a bound is put further out */
	const char *join;			/* what divides several values; NULL: the parameter comes once for each */
	int64_t		most;			/* values that one request takes; 0: any number */
	bool		exact;
	bool		required;
	bool		given;			/* a record that lacks the column has the value that was asked for */
} HttpFilter;

typedef struct HttpColumn
{
	const char *name;
	const char *type;			/* local type */
	JsonPath	path;
	HttpFormat	format;			/* of a number that is a time */
	bool		not_null;
	const char *comment;
} HttpColumn;

#define HTTP_PARENT_COLUMNS 8

/* Another table, whose rows say what this one is asked for. */
typedef struct HttpParent
{
	const char *name;
	const struct HttpTable *table;	/* NULL: there is none */
	uint32_t	count;
	const char *columns[HTTP_PARENT_COLUMNS];	/* of this table */
	const char *from[HTTP_PARENT_COLUMNS];	/* columns of the parent, which give them their values */
} HttpParent;
/* A value that is taken out of a reply, for texts of later requests. */
typedef struct HttpTake
{
	const char *name;			/* NULL ends a list */
	JsonPath	path;
	const char *part;			/* of "name=value;name=value" that is there the value of this name; or NULL: all */
	const char *initial;		/* what it is where nothing is there; NULL: that is an error */
} HttpTake;

#define HTTP_TAKEN 16

/* A request beside those for pages. */
typedef struct HttpStep
{
	struct HttpTable *request;	/* the reply to which is one record */
	HttpTake   *take;
	JsonPath	until;			/* it is sent again until that is one of done; or NULL */
	const char *const *done;
	const char *const *failed;	/* or it is an error when that is one of these */
	JsonPath	message;		/* of which that there tells; or NULL */
	int64_t		every_ms;
} HttpStep;

typedef enum HttpBodyFormat
{
	REPLY_JSON,
	REPLY_JSON_LINES,
	REPLY_CSV,
	REPLY_XML
} HttpBodyFormat;

/* How a message to a webhook proves who sent it. */
typedef enum HttpSignature
{
	SIGNATURE_SHA256,			/* HMAC of the body */
	SIGNATURE_SHA1,
	SIGNATURE_SHA512,
	SIGNATURE_STRIPE,			/* HMAC of time and body, t=…,v1=…,v1=… */
	SIGNATURE_TOKEN				/* the secret itself */
} HttpSignature;

typedef enum HttpEventKind
{
	EVENT_UPSERT,
	EVENT_DELETE,
	EVENT_IGNORE
} HttpEventKind;

/* A kind of event, which may end in '*', and what it means. */
typedef struct HttpEvent
{
	const char *name;
	HttpEventKind kind;
} HttpEvent;

/* Messages that the source sends by itself. In these texts {path} is a value of the body, and {header:name} one of a header. */
typedef struct HttpWebhook
{
	HttpSignature signature;
	const char *header;
	const char *prefix;
	const char *secret;			/* name of the option */
	bool		base64;			/* else hexadecimal */
	int64_t		tolerance;		/* seconds that a signed time may be off */
	JsonPath	records;
	HttpColumn *columns;		/* those whose paths begin at the body; the rest of them is the table's */
	size_t		ncolumns;
	const char **optional;		/* columns that a record may lack, up to a NULL */
	bool		all_optional;
	const char *event;			/* kind of a message; NULL: all are upserts */
	HttpEvent  *events;
	size_t		nevents;
	const char *id;
	const char *at;
	HttpFormat	at_format;
} HttpWebhook;

/* How a value that has a quotation mark in it, or what the language uses to escape it, is written. */
typedef enum HttpEscape
{
	ESCAPE_NONE,				/* it is not */
	ESCAPE_DOUBLE,				/* the mark twice */
	ESCAPE_BACKSLASH			/* a backslash before both; other characters as \uXXXX */
} HttpEscape;

/* A query language, in whose text conditions stand beside each other; without param and body: there is none. */
typedef struct HttpClauses
{
	const char *param;			/* the query parameter that gets the text */
	JsonPath	body;			/* or the place in the body */
	const char *join;			/* between two conditions */
	char		quote;			/* before and behind texts */
	HttpEscape	escape;
	const char *first;			/* a condition that is always there, a text with values; or NULL */
	const char *last;			/* behind the conditions, where no order is asked for; or NULL */
} HttpClauses;

/* Where rows without a value stand in an order. */
typedef enum HttpNulls
{
	NULLS_UNKNOWN,
	NULLS_FIRST,
	NULLS_LAST,
	NULLS_LEAST,
	NULLS_GREATEST
} HttpNulls;

/* A column that the source orders by. */
typedef struct HttpOrder
{
	const char *column;
	const json_t *ascends;		/* what is asked: a value, or an object of parameters; NULL: that is not to be had */
	const json_t *descends;
	HttpNulls	nulls;
	bool		bytes;			/* texts are ordered by their bytes */
} HttpOrder;

/* The column that grows with every change, by which a sync reads what is new. */
typedef struct HttpCursor
{
	const char *column;			/* NULL: there is none */
	const char *start;
	const char *lookback;
	int64_t		step;			/* microseconds that one request asks for; 0: all at once */
	bool		now;			/* a request has to say an end */
	const char *grid;			/* parameter that has the distance of rows; NULL: they are where they are */
	int64_t		points;			/* with grid: rows of one request */
} HttpCursor;

typedef struct HttpTable
{
	CkSql		sql;			/* for the core: what may be pushed down; must be first */
	const char *name;
	const char *comment;
	const char *method;
	const char *path;			/* text with values */
	const char *url;			/* the same, all of the address, which is told no credentials; or NULL */
	HttpPair   *params;
	HttpPair   *headers;
	const json_t *body;			/* an object, texts in which have values; or NULL */
	HttpBodyFormat format;
	char		delimiter;		/* of CSV */
	bool		no_header;		/* of CSV: its first line is a record; the fields are the columns */
	JsonPath	records;
	bool		may_lack;		/* a reply without that has none */
	JsonPath	unnest;			/* within a record: the list whose elements are rows; or NULL */
	HttpColumn *columns;		/* NULL: any column is a path */
	size_t		ncolumns;
	const char **key;
	HttpPaging	paging;
	HttpFilter *filters;
	size_t		nfilters;
	HttpWrites	writes;
	JsonPath	conditions;		/* where filters that have no place of their own put their values into the body; or NULL */
	const json_t *condition;	/* JSON around each, in which it is {condition}; or NULL */
	HttpFaults	faults;			/* looked at before the whole's */
	HttpRateLimit rate_limit;	/* where it says nothing, the whole's */
	HttpParent	parent;
	int64_t		concurrency;	/* requests that one scan may have under way, where it needs several */
	HttpWebhook *webhook;		/* or NULL */

	HttpClauses clauses;
	const char *order_param;	/* that says the order; or it stands in the body, in the query language, or in parameters */
	JsonPath	order_body;
	HttpOrder  *orders;
	size_t		norders;
	HttpCursor	cursor;
	HttpStep   *before;			/* requests before the first page, */
	size_t		nbefore;
	HttpStep   *after;			/* and one that gives back what they opened; or NULL */
	const char *const *taken;	/* names of the values that are taken out of replies, up to a NULL; or NULL */
	HttpTake   *take;			/* those that every page takes anew */

	bool		infer;			/* its columns are found out by a sample */
	bool		listed;			/* it stands for the tables of a list: {table} is its name, other columns are paths */
	JsonPath	values;			/* with listed: in a record, what these lead from; or NULL */
	HttpFormat	moments;		/* and how those that are times are written */
	HttpPair   *types;			/* and local types of source types */
} HttpTable;

/* Tables that the source lists. */
typedef struct HttpList
{
	const char *schema;
	HttpTable	tables;			/* the request for the list */
	JsonPath	name;			/* of a table, in a record of it; NULL: the record's own name */
	JsonPath	comment;
	JsonPath	rows;
	JsonPath	bytes;
	JsonPath	key;			/* a list of the key's columns */
	const json_t *where;		/* an object: a record with other texts at these paths, or (null) with any, is no table */

	HttpTable  *columns;		/* the request for a table's columns; NULL: they stand in the list */
	JsonPath	columns_at;		/* in a record: an object or a list of columns; one that is a text is a name */
	JsonPath	column_name;	/* NULL: the member's name */
	JsonPath	column_type;	/* NULL: none is told */
	JsonPath	column_comment;
	JsonPath	inner;			/* columns within one that has no type, or NULL */
	JsonPath	variants;		/* other forms in which the source keeps a column: one that has filters serves; or NULL */
	HttpPair   *arguments;		/* of a type, the member that is its argument */
	const char *const *plain;	/* members that do not change what conditions mean; any other is told with the type */
	HttpTable	table;
} HttpList;

/* Pages that one scan may have under way. */
#define HTTP_PAGES 8

typedef struct HttpManifest
{
	CkConnector pub;			/* must be first */
	bool		ad_hoc;			/* the connector "http": what a manifest says is said by options */
	const char *base_url;		/* text with values */
	HttpAuthRule auth;
	HttpPair   *headers;
	HttpFaults	faults;			/* of all tables */
	HttpRateLimit rate_limit;
	HttpTable  *tables;
	size_t		ntables;
	const HttpTable *check;		/* that connkit_test() asks for a record, or NULL */
	HttpList   *lists;
	size_t		nlists;
} HttpManifest;

/* The connector "http". */
extern const HttpManifest http_ad_hoc;

/* CkConnector.from_manifest */
extern const CkConnector *http_from_manifest(const char *text, size_t size, char *error, size_t error_size);

/* The table of that name with these options; NULL, and error (of the size) says why. It stays for good. */
extern const HttpTable *http_table(const CkConnector *connector, const HttpOptions *options, const char *schema, const char *name,
								   char *error, size_t error_size);

/* The column of that name, or NULL. */
extern const HttpColumn *http_column(const HttpTable *table, const char *name);

/* The option of that name that is a text, or NULL. */
extern const CkOption *http_option(const CkOption *options, const char *name, size_t size);

/* A source type as it is told of a column: "keyword(256)", "text, title.keyword keyword(256)", "date format". */
typedef struct HttpSourceType
{
	char		name[HTTP_NAME_LIMIT];	/* of what conditions are for; "" where it has settings that they do not know */
	int64_t		argument;		/* -1: none */
	const char *field;			/* what they name in the column's place, of field_size bytes; NULL: the column */
	size_t		field_size;
} HttpSourceType;

/* source_type.c */
extern void http_source_type(const char *type, HttpSourceType *parsed);
/* The local type of a source type, by the longest rule that it begins with, "*" being the last. */
extern const char *http_local_type(const HttpPair *rules, const char *type);
/* The form of values of a local type; CK_NULL: one that no condition is sent for. */
extern CkType http_type_form(const char *local_type);

/* Finds the next value in a text, a name in braces: where the brace stands, and the name; NULL: there is none. */
extern const char *http_next_value(const char *text, const char **name, size_t *size);

/* manifest_write.c: whether a list up to a NULL has a name; the column in such a list, or NULL. */
extern bool http_is_listed(const char *const *names, const char *name);
extern const HttpStored *http_stored(const HttpStored *list, const char *column);

/* Whether the filter's value stands in the path. */
extern bool http_in_path(const HttpFilter *filter);

/* How requests with these options prove whose they are. */
extern HttpAuthRule http_auth_rule(const HttpManifest *manifest, const HttpOptions *options);

/* order.c: CkSql.order of a table. */
extern bool http_order(const CkSql *sql, const CkOrder *order);

/* filter.c: CkSql.filter of a table; "=" … as FILTER_*; 0: none of these. */
extern CkPushed http_filter(const CkSql *sql, const CkFilter *filter);
extern uint32_t http_operator(const char *op);
extern const HttpFilter *http_find_filter(const HttpTable *table, const char *column, const char *source_type, uint32_t op);
/* Whether a local column of that form holds what the table says that the column is. */
typedef enum HttpKind
{
	KIND_OWN, KIND_OTHER, KIND_UNKNOWN
} HttpKind;
extern HttpKind http_kind(const HttpTable *table, const char *column, CkType type);
/* Whether a text has in it what divides the values of a list. */
extern bool http_has_join(const HttpFilter *filter, const CkValue *value);
/* Whether one request takes several values by it. */
extern bool http_takes_list(const HttpFilter *filter);

#endif							/* CK_HTTP_MANIFEST_H */
