/*
 * http_source.h: what the files of the http connector know of each other.
 */
#ifndef CK_HTTP_SOURCE_H
#define CK_HTTP_SOURCE_H

#include "connkit.h"
#include "csv_reader.h"
#include "http.h"
#include "json.h"
#include "manifest.h"
#include "xml_reader.h"

/* A text that grows; data is NULL once memory was out. */
typedef struct HttpText
{
	char	   *data;
	size_t		size;
	size_t		room;
	bool		failed;
} HttpText;

typedef struct HttpSession
{
	CkHttp	   *http;
	HttpText	proxy;			/* its URL, with user and password */
	const HttpPair *headers;	/* of all requests */
	HttpPair   *own_headers;	/* those of the server's option, or NULL */
	json_t	   *header_json;	/* which holds their texts */
	HttpText	token;			/* of OAuth 2, or a JWT */
	int64_t		token_until;	/* milliseconds of the monotonic clock */
	HttpText	refresh_token;	/* that took the place of the option's */
} HttpSession;

/* text.c */
extern void text_append(HttpText *text, const char *data, size_t size);
extern void text_string(HttpText *text, const char *string);
/* With what is no letter, digit, '-', '.', '_' or '~' as %XX. */
extern void text_encoded(HttpText *text, const char *data, size_t size);
extern void text_base64(HttpText *text, const char *data, size_t size);
/* As a string of JSON. */
extern void text_json_string(HttpText *text, const char *data, size_t size);
/* Overwrites and frees it. */
extern void text_free(HttpText *text);

/* A condition of a request: which filter it is for, and its values. */
typedef struct HttpCondition
{
	const HttpFilter *filter;
	char	   *column;			/* where the filter is for several: the one; the scan frees it, and */
	char	   *field;			/* what the source calls it in conditions, or NULL */
	uint32_t	op;				/* FILTER_* */
	CkValue    *all;			/* its values, each once, which the scan frees */
	uint32_t	nall;
	uint32_t	from;			/* the parent's column that has them, from 1; 0: they are all's */
} HttpCondition;

#define HTTP_CONDITIONS 64

/* Ranges of the table's cursor that are asked for one after another. Times are microseconds since 1970. */
typedef struct HttpWindows
{
	bool		used;
	uint32_t	lower;			/* the conditions that are its bounds */
	uint32_t	upper;
	int64_t		from;
	int64_t		to;
	int64_t		at;				/* of the part that has begun last */
	bool		open;			/* the last range has no upper bound */
	int64_t		step;
	int64_t		grid;			/* between two rows, at its multiples; 0: rows are where they are */
} HttpWindows;

/* Of a condition's values those that one request has. */
typedef struct HttpValues
{
	const CkValue *args;
	uint32_t	nargs;
} HttpValues;

/* Bytes that are taken apart at once: the records in them are kept until they are put. */
#define HTTP_SLICE (16 * 1024)

/* Values beside the records of a reply that are looked at. */
#define HTTP_WANTED (20 + HTTP_TAKEN)

/* Values of several rows of a parent, of each column as many as there is room for. */
typedef struct HttpIds
{
	int			users;
	uint32_t	columns;
	uint32_t	room;
	uint32_t	count;			/* rows */
	CkValue		values[];
} HttpIds;

typedef struct HttpParentScan HttpParentScan;

/* A page that is asked for: its request, and what has come of the reply. */
typedef struct HttpPage
{
	HttpValues	values[HTTP_CONDITIONS];	/* of each of the scan's conditions */
	HttpIds    *ids;			/* which hold them, or NULL */
	CkValue		bounds[2];		/* of these, those of its range */
	int64_t		from;			/* of which the rows are from here on */
	int64_t		to;				/* and before this */
	int64_t		number;			/* from 0, of the pages of these values */
	int64_t		seen;			/* records of those before */
	char	   *next;			/* cursor, or URL of the page; NULL for the first */
	HttpText	list;			/* addresses of pages, each with a NUL behind it */
	size_t		listed;			/* of these, bytes up to that of the page behind this one */
	int			attempts;		/* that the request was sent */
	bool		renewed;		/* with a token that took the place of a refused one */

	CkHttpRequest request;
	const char *method;
	HttpText	url;
	HttpText	headers[32];
	const char *header_list[33];
	HttpText	secrets[5];
	HttpText	own[8];			/* headers with values of the user, which no other host gets either */
	const char *secret_list[14];
	HttpText	body;

	CkHttpStream *stream;
	JsonReader *reader;
	CsvReader  *csv;			/* that feeds it, or NULL */
	XmlReader  *xml;
	JsonWanted	wanted[HTTP_WANTED];	/* next, last and more, what is taken and what tells of errors, as far as these are */
	bool		begun;			/* the reply's headers are there */
	bool		lost;			/* its connection has failed */
	char	   *link;			/* the next page's URL in the reply's headers, or NULL */
	const char *data;			/* of what came, the rest that is not read */
	size_t		size;
	bool		whole;			/* the reply has ended */
	HttpText	ahead;			/* what was read of the body before it was found to be good */
	int64_t		held;			/* bytes that were taken apart */
	uint32_t	sum;			/* of the first of these */
	int64_t		held_before;	/* the same of the page before */
	uint32_t	sum_before;
	char	   *mark;			/* what stood for an earlier page, or NULL */
	int64_t		records;		/* of this page */
	char	   *taken[HTTP_TAKEN];	/* values out of replies, in the order of the table's names */
	bool		owes;			/* something is to be given back */
	HttpText	cursor;			/* out of the last record */

	/* the record at hand */
	const JsonRecord *record;
	uint32_t	element;		/* of what is unnested, 0: none is left */
} HttpPage;

typedef struct HttpScan
{
	const HttpManifest *manifest;
	const HttpOptions *options;
	const HttpTable *table;
	char		name[256];		/* of the table at the source */
	HttpCondition conditions[HTTP_CONDITIONS];
	uint32_t	nconditions;
	bool		nothing;		/* a condition that no row meets */
	int64_t		limit;			/* rows that are wanted; INT64_MAX: all */
	int64_t		wanted;			/* the same when the scan began */
	const json_t *order;		/* of them, as the source is told it; or NULL */
	HttpWindows windows;

	const HttpPair *server_headers;
	int			step;			/* 0: requests are for pages; else for that of the steps before them; -1: for the one after */
	HttpPage	pages[HTTP_PAGES];	/* of the parts that are under way, in a ring */
	HttpPage   *page;			/* the one at hand, which functions work on */
	HttpChange *change;			/* the scan makes it, or NULL */
	bool		answered;		/* the source has */
	bool		early;			/* it is not wanted yet: http_begin_page() says CK_END rather than wait */

	/* the parts: see parts.c */
	int			under_way;
	int			window;			/* as many as may be */
	bool		frugal;			/* few rows may be enough: it begins with one */
	bool		turned;			/* the first has begun */
	bool		turned_all;		/* and the last */
	HttpValues	values[HTTP_CONDITIONS];	/* of the one that has begun last */
	HttpIds    *ids;
	HttpParentScan *parent;		/* which says what is asked for, or NULL */

	const HttpColumn **columns; /* of each of the scan's; NULL: its name is the path */
	JsonPath   *paths;
	char	 ***names;			/* those paths that the scan has made, or NULL */
	const char **flat;			/* of each column, its name below the path, or NULL */
	JsonPath   *members;		/* what json_reader_want() is told; NULL: all of a record is wanted */
	bool		text;
} HttpScan;

/* Options of every source over HTTP, up to one without a name. */
extern const CkOption http_common_options[];

/* filter.c: what the request text asks for; first, of which table. */
extern void http_read_name(CkScan *scan);
extern CkStatus http_read_request(CkScan *scan);
/* The name of a condition's column. */
extern const char *http_column_of(const HttpCondition *condition);
/* Adds a condition, which takes over its values. */
extern CkStatus http_add_condition(CkScan *scan, HttpCondition condition);
/* Of a condition's values those from the given one on that go into one request. */
extern HttpValues http_values_from(const HttpCondition *condition, const CkValue *args);
/* A word of a request text: a name in quotes, a placeholder, a number, an operator or a keyword; false at its end. */
extern bool http_next_word(const char **text, char *word, size_t room, bool *quoted);
extern void http_condition_free(HttpCondition *condition);
extern void http_conditions_free(HttpScan *http);

/* window.c: finds the ranges that a scan asks for; turns to the next for the part that is to begin, false: there is none, and it
 * is the first again; tells the part's page of it. */
extern CkStatus http_take_windows(CkScan *scan);
extern bool http_next_window(HttpScan *http);
extern void http_set_window(const HttpScan *http, HttpPage *page);
/* CK_OK: the row at hand belongs to the range of its page; CK_END: it does not. */
extern CkStatus http_in_window(CkScan *scan);

/* order.c: takes the order that a request wants, and writes it into the URL. */
extern CkStatus http_take_order(CkScan *scan, const char *column, bool descends);
extern bool http_order_has_param(const HttpScan *http, const char *name);
extern void http_write_order(HttpScan *http);

/* clause.c: writes the text of a table's query language. */
extern CkStatus http_write_clauses(CkScan *scan, HttpText *text);

/* How a value is written. */
typedef enum HttpWriting
{
	AS_IT_IS,
	IN_URL
} HttpWriting;

/* request.c: makes the request of the page at hand. */
extern CkStatus http_make_request(CkScan *scan);
extern void http_request_free(HttpPage *page);
/* Writes a text, and the values that stand in it. */
extern CkStatus http_write_text(CkScan *scan, HttpText *text, const char *format, HttpWriting writing, HttpWriting plain);
/* What an option says, or "". */
extern const char *http_chosen(const CkScan *scan, const CkOption *option);
/* Writes the URL without parameters, of a path with values. */
extern CkStatus http_write_base(CkScan *scan, const char *path);
/* Adds the headers with values of the user to those that no other host gets. */
extern void http_add_own_headers(HttpPage *page);
/* Adds headers to those of the page's request, whose number count is: with values, or as it is. */
extern CkStatus http_write_headers(CkScan *scan, const HttpPair *pairs, uint32_t *count);
extern CkStatus http_write_header(CkScan *scan, const char *name, const char *value, uint32_t *count);
/* How many redirects requests follow. */
extern int	http_redirects(const HttpScan *http);
/* Records that a page is asked for: no more than are wanted. */
extern int64_t http_page_size(const HttpScan *http);
/* Begins a parameter of the URL. */
extern void http_begin_param(HttpText *url, const char *name);
/* Tells where memory was out. */
extern CkStatus http_check_text(CkSession *session, const HttpText *text);

/* auth.c: puts the credential into the request of the page at hand; it may have to ask for a token first. */
extern CkStatus http_write_auth(CkScan *scan);
/* Whether the request is worth another try after a status 401, by a token that is newer than the one that it had. */
extern bool http_renew_auth(CkScan *scan);
extern void http_auth_free(HttpSession *session);

/* oauth.c: sees that the session has a token of OAuth 2, or a JWT, that serves, and asks for one where it has not. */
extern CkStatus http_need_token(CkScan *scan, const HttpAuthRule *rule);

/* jwt.c: writes a token that is signed now, and until when (as ck_now_ms()) it serves. */
extern CkStatus http_make_jwt(CkScan *scan, const HttpAuthRule *rule, HttpText *token, int64_t *until);

/* aws.c: signs the request of the page at hand, which is made but for that. */
extern CkStatus http_sign_aws(CkScan *scan, const HttpAuthRule *rule);

/* A condition's own values, as the JSON of its filter has them. */
typedef struct HttpFill
{
	json_t	   *values[5];		/* {value}, {values} as a list, {low} and {high} as bounds of what is equal to it, and within what
								 * stands around a filter's JSON that, {condition}; NULL: it has not */
	const char *column;
} HttpFill;

/* body.c: makes its body. */
extern CkStatus http_make_body(CkScan *scan);
/* A copy of JSON in which texts have their values; where a text is "{value}", value stands, if there is one. NULL, told. */
extern json_t *http_fill_in(CkScan *scan, const json_t *from, const HttpFill *fill);

/* step.c: asks what is to be asked before the first page of the page's values, which then has something to give back; that may
 * fail without harm. */
extern CkStatus http_ask_before(CkScan *scan);
extern CkStatus http_give_back(CkScan *scan, bool wait);
/* A value that was taken out of a reply, of that name; NULL: it is none. Keeps one; false: out of memory. */
extern const char *http_taken(const HttpScan *http, const char *name, size_t size);
extern bool http_take(HttpScan *http, const char *name, const char *value, size_t size);

/* place.c: keeps the pages that the reply to a request lists; the address of the next of these, NULL: there is none; writes the
 * URL of the page at hand. */
extern CkStatus http_keep_list(CkScan *scan, CkScan *side, HttpPage *page);
extern const char *http_next_listed(HttpPage *page);
extern CkStatus http_write_place(CkScan *scan);
/* Whether pages are elsewhere than base_url says: what is for the source itself is not told there. */
extern bool http_is_elsewhere(const HttpTable *table);
/* How the request for the page at hand proves whose it is. */
extern HttpAuthRule http_page_auth(const HttpScan *http);

/* columns.c: writes the names of the columns that a scan needs, with commas between them; gives these to CSV without a line of
 * names. */
extern CkStatus http_write_columns(CkScan *scan, HttpText *text);
extern bool http_name_fields(CkScan *scan, CsvReader *reader);

/* parts.c: begins the first part, and turns to the next when all pages of one have been read: CK_OK, or CK_END where there is
 * none. */
extern CkStatus http_first_part(CkScan *scan);
extern CkStatus http_next_part(CkScan *scan);
extern void http_page_free(HttpPage *page);

/* parent.c: begins to read the parent, if there is one and the query does not say what is asked for. */
extern CkStatus http_parent_open(CkScan *scan);
/* Values of the next rows of the parent, as many as one request takes: CK_OK; CK_END where there are none. The caller gives ids
 * back also after an error. */
extern CkStatus http_parent_next(CkScan *scan, HttpIds **ids);
extern void http_parent_free(CkScan *scan);
extern HttpIds *http_ids_hold(HttpIds *ids);
extern void http_ids_release(HttpIds *ids);

/* What two values are to each other, as far as their types tell. */
typedef enum HttpLikeness
{
	LIKE_SAME,
	LIKE_DIFFERENT,
	LIKE_UNKNOWN
} HttpLikeness;

/* belong.c */
extern HttpLikeness http_likeness(const CkValue *a, const CkValue *b);
/* Whether the row at hand is of the part at hand, and not of another that the source was not asked for by this request. */
extern bool http_belongs(const HttpScan *http);

/* page.c: begins a page, and looks for the next when one has ended: CK_OK, CK_END where it was the last. */
extern CkStatus http_begin_page(CkScan *scan);
/* The same of the first one. */
extern CkStatus http_first_page(CkScan *scan);
extern CkStatus http_next_page(CkScan *scan);
/* The next record of the page at hand: CK_OK; CK_END where there is none. */
extern CkStatus http_next_record(CkScan *scan);
extern void http_end_page(HttpPage *page);
/* discover.c: CkConnector.discover */
extern CkStatus http_discover(CkSession *session, CkCatalog *catalog);

/* repeat.c: notes a piece of a page that is taken apart; sees that a page was not the one before it again; and (false) that what
 * stands for the next page has not stood for one before. */
extern void http_note_piece(HttpPage *page, const char *data, size_t size);
extern CkStatus http_check_page(CkScan *scan);
extern bool http_check_cursor(HttpPage *page, const char *next);

/* fault.c: judges the reply of the page at hand, whose headers are there. CK_OK: it is to be read, from page->ahead on, unless
 * again is set: then the page is to be begun anew. CK_END: it stands for no rows. */
extern CkStatus http_judge_reply(CkScan *scan, const CkHttpReply *reply, bool *again);
/* The same of one that is good by its status and was read; needed where http_judges_whole(): no row of it may be given before. */
extern CkStatus http_judge_whole(CkScan *scan, const CkHttpReply *reply, bool *again);
extern bool http_judges_whole(const HttpScan *http);
/* Makes one short line of what the source says, or none where that repeats a credential. */
extern void http_write_words(CkScan *scan, const char *text, size_t size, char *line, size_t room);
/* Adds what that looks at. */
extern void http_want_faults(const HttpScan *http, JsonWanted *wanted);

/* rate.c: waits until the source may be asked; with wait false, CK_END where it may not now. */
extern CkStatus http_admit(CkScan *scan, bool wait);
/* The source wants no requests for so long: of this session, or of all that its user has. */
extern CkStatus http_hold(CkSession *session, int64_t ms, bool shared);
/* Does so where the reply says that it was the last one for some time. */
extern CkStatus http_note_rate(CkScan *scan, const CkHttpReply *reply);
/* Milliseconds that a source wants to be left alone, by a reply that refuses; by its Retry-After alone; -1: it does not tell. */
extern int64_t http_wait_wanted(const HttpScan *http, const CkHttpReply *reply);
extern int64_t http_retry_after(const CkHttpReply *reply);
/* Whether a refusal comes of a limit, by its headers. */
extern bool http_rate_is_used_up(const HttpScan *http, const CkHttpReply *reply);
/* Milliseconds to wait after so many attempts where the source does not tell. */
extern int64_t http_backoff(int attempts);

/* webhook.c: CkConnector.receive; and the rows of a message, which scan_open, scan_next and http_put are where there is one. */
extern CkStatus http_receive(CkScan *scan, CkMessage *message);
extern CkStatus http_message_open(CkScan *scan);
extern CkStatus http_message_next(CkScan *scan, CkRow *row);

/* http_source.c: finds the table, and the columns that the scan has to deliver. */
extern CkStatus http_find_table(CkScan *scan);

/* link.c: the URL that a header Link has for the next page, the caller's to free; NULL: none. */
extern char *http_find_link(const char *header, size_t size, bool *good);

/* write.c: begins the change that the scan's statement says, makes it, and puts the row that it returns, if any; CK_END then. */
extern CkStatus http_change_open(CkScan *scan);
extern CkStatus http_change_next(CkScan *scan, CkRow *row);
extern void http_change_free(HttpScan *http);
/* The value of a column that stands in a path of the change; false: it has none, or one of no such form. */
extern bool http_changed_value(CkScan *scan, HttpText *text, const char *name, size_t size);
/* Puts a column that the record at hand lacks, and that stood in the path. */
extern void http_put_changed(CkScan *scan, CkRow *row, uint32_t column);
/* What becomes of a reply to a change, where that would be done to one of a page. */
extern HttpVerdict http_change_verdict(const HttpScan *http, const CkHttpReply *reply, HttpVerdict verdict);
/* Tells the error that a reply to a change is, of that status or one that means the same, with what the source says or NULL. */
extern CkStatus http_fail_change(CkScan *scan, const CkHttpReply *reply, int meaning, const char *text);

/* write_body.c: makes the body of the change; empty where it needs none. */
extern CkStatus http_make_change_body(CkScan *scan, HttpText *body);

/* value.c: puts a column of the record at hand. */
extern CkStatus http_put(CkScan *scan, CkRow *row, uint32_t column);
/* Puts that value of it. */
extern CkStatus http_put_node(CkScan *scan, CkRow *row, uint32_t column, uint32_t number);
/* The value at a path in the element at hand, or else in its record; 0: none. */
extern uint32_t http_find(const HttpPage *page, JsonPath path);
/* A number of at most 18 characters without a fraction; false: it is none. */
extern bool http_read_integer(const char *text, size_t size, int64_t *number);
/* Writes a value as it stands in a request; a moment between two that the format has is the later one with up. false: it has no
 * such form. Without a filter moments are written in full. */
extern bool http_write_value(HttpText *text, const CkValue *value, const HttpFilter *filter, bool up);
/* A number that stands for a moment: microseconds since 1970. */
extern bool http_read_moment(const char *text, size_t size, HttpFormat format, int64_t *moment);

#endif							/* CK_HTTP_SOURCE_H */
