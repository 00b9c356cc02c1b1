/*
 * readers.c: what the http connector reads by itself: replies (JSON, CSV, XML), manifests and the header Link. First cases with
 * what they give; then, for some seconds, damaged ones: those must do no harm, and give the same in whatever pieces they come.
 *
 * usage: readers SECONDS SEED MANIFEST...      (SEED 0: by the clock)
 *        readers -                             (reads manifests, one a line, and says of each "ok", or what is wrong)
 */
#include "http_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes that one text may grow to. */
#define TEXT_LIMIT 20000

typedef struct Case
{
	HttpBodyFormat format;
	const char *records;		/* a path, names divided by dots */
	const char *text;
	const char *result;			/* the records as JSON with a blank behind each, or with an error "! " and that */
} Case;

#define XML_1 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define LINE "at line 1"

static const Case cases[] = {
	{REPLY_JSON, "", "[{\"a\": 1}, 2, \"x\"]", "{\"a\":1} 2 \"x\" "},
	{REPLY_JSON, "a.b", "{\"a\": {\"c\": [9], \"b\": [{}, [1, null]]}}", "{} [1,null] "},
	{REPLY_JSON, "a", "{\"a\": {\"b\": \"\\u00e4\\n\\\"\"}}", "{\"b\":\"\303\244\\u000a\\\"\"} "},
	{REPLY_JSON, "a", "{\"a\": null}", ""},
	{REPLY_JSON, "a", "{\"b\": []}", "! it has nothing where its records should be"},
	{REPLY_JSON, "", "[1, 2", "1 2 ! it ends in the middle of its JSON"},
	{REPLY_JSON, "", "[1}", "1 ! it is not valid JSON"},
	{REPLY_JSON, "", "[\"\\ud83d\\ude00\", \"\\\\ud83d\", \"\\u00E9\"]", "\"\360\237\230\200\" \"\\\\ud83d\" \"\303\251\" "},
	/* halves of characters become what is no UTF-8 */
	{REPLY_JSON, "", "[\"\\ud83d\", \"\\ude00\", \"a\\ud83dx\"]", "\"\355\260\275\" \"\355\270\200\" \"a\355\260\275x\" "},
	{REPLY_JSON, "", "[\"\\uD83D\\uD83D\\uDE00\", \"\\ud83d\\n\", \"\\udbff\\u0041\"]",
	"\"\355\260\275\360\237\230\200\" \"\355\260\275\\u000a\" \"\355\263\277A\" "},
	{REPLY_JSON, "", "[\"\\ud83d", "! it ends in the middle of its JSON"},
	{REPLY_JSON_LINES, "", "{\"a\": 1}\n{\"a\": 2}\n", "{\"a\":1} {\"a\":2} "},
	{REPLY_CSV, "", "\357\273\277a,b\n1,\"x \"\"y\"\"\"\n,\"\"\r\n",
	"{\"a\":\"1\",\"b\":\"x \\\"y\\\"\"} {\"a\":null,\"b\":\"\"} "},
	{REPLY_CSV, "", "a,b\n1\n", "! a line has fewer fields than the first"},
	{REPLY_CSV, "", "a\n1,2\n", "! a line has more fields than the first"},
	{REPLY_CSV, "", "a\n\"1", "! it ends in the middle of a field"},
	{REPLY_CSV, "", "", "! it lacks the line of names"},

	{REPLY_XML, "a.b", XML_1 "<a n='1'><b>x</b> <b i='7'/><c><b/></c><b><d>1</d><e/><d>2</d></b></a>",
	"{\"#text\":\"x\"} {\"@i\":\"7\"} {\"d\":[\"1\",\"2\"],\"e\":null} "},
	{REPLY_XML, "", "<a><b>1</b></a>", "{\"b\":\"1\"} "},
	{REPLY_XML, "a", "<a><b>1</b></a>", "{\"b\":\"1\"} "},
	{REPLY_XML, "b", "<a><b>1</b></a>", "! it has nothing where its records should be, at line 1"},
	{REPLY_XML, "a.b", "<a/>", ""},
	{REPLY_XML, "a.b", "<x><a><b/></a></x>", "! it has nothing where its records should be, at line 1"},
	{REPLY_XML, "a.b.c", "<a><b><c>1</c></b><c>2</c><b/><b><c>3</c></b></a>", "{\"#text\":\"1\"} {\"#text\":\"3\"} "},
	{REPLY_XML, "a.b.c", "<a><d><c>1</c></d></a>", "! it has nothing where its records should be, at line 1"},
	{REPLY_XML, "a", "<a>x &lt;&#228;<!-- no -->y<![CDATA[<z>]]></a>", "{\"#text\":\"x <\303\244y<z>\"} "},
	{REPLY_XML, "a", "<a> one <b>two</b> three <b/></a>", "{\"b\":[\"two\",null],\"#text\":\" one  three \"} "},
	{REPLY_XML, "a", "<a>\n <b> </b>\n</a>", "{\"b\":\" \"} "},
	{REPLY_XML, "a", "<a xmlns='u' xmlns:p='v'><p:b p:c='1'>2</p:b></a>", "{\"p:b\":{\"@p:c\":\"1\",\"#text\":\"2\"}} "},
	{REPLY_XML, "a", "<a><b xsi:nil='true'/><c xsi:type='t'>1</c><d xsi:nil='false'>2</d></a>",
	"{\"b\":null,\"c\":\"1\",\"d\":\"2\"} "},
	{REPLY_XML, "a", "<a><l><i>1</i></l></a>", "{\"l\":{\"i\":[\"1\"]}} "},
	{REPLY_XML, "a", "<?xml version='1.0' encoding='ISO-8859-1'?><a>\344</a>", "{\"#text\":\"\303\244\"} "},
	{REPLY_XML, "a", "<?xml version='1.0' encoding='KOI8-R'?><a>\344</a>", "! it is not valid XML: unknown encoding at line 1"},
	{REPLY_XML, "a", "<a>\344</a>", "! it is not valid XML: not well-formed (invalid token) at line 1"},
	{REPLY_XML, "a.b", "<a><b>1</b>\n<b>2</c></a>", "{\"#text\":\"1\"} ! it is not valid XML: mismatched tag at line 2"},
	{REPLY_XML, "a.b", "<a><b>1</b><b>", "{\"#text\":\"1\"} ! it ends in the middle of its XML at line 1"},
	{REPLY_XML, "a", "", "! it ends in the middle of its XML at line 1"},
	{REPLY_XML, "a", "<a>&b;</a>", "! it is not valid XML: undefined entity at line 1"},
	{REPLY_XML, "a", "<!DOCTYPE a [<!ENTITY b 'bb'><!ENTITY c '&b;&b;'>]><a>&c;</a>",
	"! it has a document type declaration, which is not read, at line 1"},
	{REPLY_XML, "a", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a>&b;</a>",
	"! it has a document type declaration, which is not read, at line 1"},
	{REPLY_XML, "a", "<html><body><p>Not found</body></html>", "! it is not valid XML: mismatched tag at line 1"},
};

static const struct
{
	const char *header;
	const char *url;			/* "": none */
}			links[] = {
	{"<u>; rel=\"next\"", "u"},
	{"<u>;rel=next", "u"},
	{"<a>; rel=\"prev\", <u?b=1,2;3>; rel=\"NEXT\"", "u?b=1,2;3"},
	{" ,, <a>; title=\"a, \\\"b\\\"; rel=next\"; ReL=last,<u>; rel=\"last next\"", "u"},
	{"<a>; rel=\"prev\"; rel=\"next\"", ""},
	{"<a>; title=\"<b>; rel=next\"", ""},
	{"<a>; rel=\"nextpage\", <b>; rev=next", ""},
	{"<a>; rel", ""},
	{"<a>; rel=\"next", "a"},
	{"a; rel=next", ""},
	{"<a", ""},
	{"", ""},
};

static int	number;
static int	failures;

static void
ok(bool good, const char *name, const char *have, const char *want)
{
	number++;
	printf("%sok %d - %s\n", good ? "" : "not ", number, name);
	if (good)
		return;
	failures++;
	printf("#  have: %.2000s\n#  want: %.2000s\n", have, want);
}

/*
 * Reading
 */

/* What is read, in some format. */
typedef struct Reader
{
	JsonReader *json;
	CsvReader  *csv;
	XmlReader  *xml;
} Reader;

static bool
feed(Reader *r, const char *data, size_t size)
{
	return r->csv ? csv_reader_feed(r->csv, data, size) :
		r->xml ? xml_reader_feed(r->xml, data, size) : json_reader_feed(r->json, data, size);
}

static bool
end(Reader *r)
{
	return r->csv ? csv_reader_end(r->csv) : r->xml ? xml_reader_end(r->xml) : json_reader_end(r->json);
}

/* Stops where something is not as it must be. */
static void
must(bool good, const char *what)
{
	if (good)
		return;
	printf("not ok - %s\n", what);
	exit(1);
}

/* Appends the records that are there; each must be sound JSON, but for halves of characters. */
static void
take_records(Reader *r, HttpText *result)
{
	const JsonRecord *record;

	while ((record = json_reader_next(r->json)) != NULL)
	{
		json_error_t fault;
		json_t	   *json = json_loadb(record->json, record->json_size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
		const JsonNode *node = &record->nodes[1];

		must(record->count > 1 && node->begin == 0 && node->end == record->json_size, "a record is all of its JSON");
		for (uint32_t i = 1; i < record->count; i++)
		{
			node = &record->nodes[i];
			must(node->begin <= node->end && node->end <= record->json_size && node->next < record->count &&
				 node->first < record->count && node->text + node->text_size <= record->size &&
				 node->name + node->name_size <= record->size, "nodes lie in their record");
		}
		/* what jansson cannot hold; bytes of CSV are the core's to check, as halves of characters are */
		if (!json && !strstr(fault.text, r->csv ? "decode byte" : r->xml ? "none" : "decode byte 0xed") &&
			!strstr(fault.text, "NUL byte in object key") && !strstr(fault.text, "too big") && !strstr(fault.text, "overflow"))
		{
			printf("# %s: %.*s\n", fault.text, (int) record->json_size, record->json);
			must(false, "a record is JSON");
		}
		json_decref(json);
		text_append(result, record->json, record->json_size);
		text_append(result, " ", 1);
	}
}

/* Reads a text, in pieces of so many bytes, as what a case's result tells; the caller frees it. */
static HttpText
read_text(HttpBodyFormat format, JsonPath path, const char *text, size_t size, size_t piece, size_t limit)
{
	static const char *const list[] = {"l", "i", NULL};
	static const char *const cursor[] = {"a", "@n", NULL};
	JsonWanted	wanted[] = {{cursor, NULL}, {NULL, NULL}};
	HttpText	result = {0};
	Reader		r = {.json = json_reader_new(path, format == REPLY_JSON_LINES, limit, wanted)};
	bool		good = true;

	if (format == REPLY_CSV)
		r.csv = csv_reader_new(r.json, ',', limit);
	else if (format == REPLY_XML)
		r.xml = xml_reader_new(r.json, path, list, limit);
	for (size_t at = 0; at < size && good; at += piece)
	{
		/* a copy, so that reading behind it is found */
		size_t		here = size - at < piece ? size - at : piece;
		char	   *copy = malloc(here);

		memcpy(copy, text + at, here);
		good = feed(&r, copy, here);
		free(copy);
		take_records(&r, &result);
	}
	good = good && end(&r);
	take_records(&r, &result);
	if (!good)
	{
		text_append(&result, "! ", 2);
		text_string(&result, r.csv ? csv_reader_error(r.csv) : r.xml ? xml_reader_error(r.xml) : json_reader_error(r.json));
	}
	text_append(&result, "", 0);
	csv_reader_free(r.csv);
	xml_reader_free(r.xml);
	json_reader_free(r.json);
	return result;
}

static char *
read_link(const char *text, size_t size)
{
	char	   *copy = malloc(size),
			   *url;
	bool		good;

	memcpy(copy, text, size);
	url = http_find_link(copy, size, &good);
	free(copy);
	return url;
}

static void
run_cases(void)
{
	char		name[200];

	for (size_t i = 0; i < COUNT(cases); i++)
	{
		const Case *c = &cases[i];
		char	  **path = json_split_path(c->records);

		for (size_t piece = 1; piece < 100000; piece = piece * 9 + 4)
		{
			HttpText	result = read_text(c->format, (JsonPath) path, c->text, strlen(c->text), piece, 1000);
			bool		good = strcmp(result.data, c->result) == 0;

			snprintf(name, sizeof(name), "%.100s", c->result[0] ? c->result : c->text);
			for (char *s = name; *s; s++)
				*s = *s == '#' || *s == '\n' ? ' ' : *s;
			if (!good || piece > 10000)
				ok(good, name, result.data, c->result);
			text_free(&result);
		}
		free(path);
	}
	for (size_t i = 0; i < COUNT(links); i++)
	{
		char	   *url = read_link(links[i].header, strlen(links[i].header));

		ok(strcmp(url ? url : "", links[i].url) == 0, links[i].header, url ? url : "", links[i].url);
		free(url);
	}
}

/* CSV without a line of names. */
static void
run_bare(void)
{
	static const struct
	{
		int			names;
		const char *text;
		const char *result;
	}			bare[] = {
		{2, "1,\"a\"\n,\"\"\n", "{\"a\":\"1\",\"b\":\"a\"} {\"a\":null,\"b\":\"\"} "},
		{2, "", ""},
		{2, "1,2\n\n3,4\n", "fewer fields than were asked for"},
		{2, "1,2\n3\n", "fewer fields than were asked for"},
		{2, "1,2,3\n", "more fields than were asked for"},
		{2, "1,\"2", "in the middle of a field"},
		{2, "\357\273\277a,b", "{\"a\":\"\357\273\277a\",\"b\":\"b\"} "},
		{1, "\"x\"\n\n\"\"\n\n", "{\"a\":\"x\"} {\"a\":null} {\"a\":\"\"} {\"a\":null} "},
		{1, "x\r\n\r\ny\r\n", "{\"a\":\"x\"} {\"a\":null} {\"a\":\"y\"} "},
		{1, "x", "{\"a\":\"x\"} "},
		{0, "1,2\r\n3,\r\n", "{} {} "},
		{0, "\n\"a\"\n\n", "{} {} {} "},
		{0, "1,2\n\n", "fewer fields than the first"},
		{0, "1\n1,2\n", "more fields than the first"},
	};

	for (size_t i = 0; i < COUNT(bare); i++)
		for (size_t piece = 1; piece < 100; piece = piece * 3 + 1)
		{
			static const char *const all[] = {NULL};
			static const JsonPath members[] = {NULL};
			HttpText	result = {0};
			Reader		r = {.json = json_reader_new(all, false, 1000, (JsonWanted[]) {{NULL, NULL}})};
			size_t		size = strlen(bare[i].text);
			bool		good;

			if (bare[i].names == 0)
				json_reader_want(r.json, members, false);
			r.csv = csv_reader_new(r.json, ',', 1000);
			good = true;
			csv_reader_no_header(r.csv);
			for (int n = 0; n < bare[i].names; n++)
				good = good && csv_reader_name(r.csv, n == 0 ? "a" : "b");
			for (size_t at = 0; at < size && good; at += piece)
			{
				good = feed(&r, bare[i].text + at, piece < size - at ? piece : size - at);
				take_records(&r, &result);
			}
			good = good && end(&r);
			take_records(&r, &result);
			if (!good)
				text_string(&result, csv_reader_error(r.csv));
			if (good ? strcmp(result.data ? result.data : "", bare[i].result) != 0 : !strstr(result.data, bare[i].result))
				ok(false, bare[i].text, result.data ? result.data : "", bare[i].result);
			else if (piece > 30)
				ok(true, bare[i].result, "", "");
			csv_reader_free(r.csv);
			json_reader_free(r.json);
			text_free(&result);
		}
}

/* Sizes: a record that is too large is refused however it comes, and little is kept of it. */
static void
run_sizes(void)
{
	static const char *const begins[] = {"<a><b>", "<a><b i='", "<a><!--", "<a><b ", "<a", "<?x ", "<a><b><c>1</c>", "<a><b>"};
	static const char *const repeated[] = {"x", "x", "x", "x", "x", "x", "<c>1</c>", "<c>"};
	static const char *const all[] = {"a", "b", NULL};

	for (size_t i = 0; i < COUNT(begins); i++)
	{
		HttpText	text = {0},
					result;

		text_string(&text, begins[i]);
		while (text.size < 300000)
			text_string(&text, repeated[i]);
		result = read_text(REPLY_XML, all, text.data, text.size, 16384, 100000);
		ok(strstr(result.data, "larger than the option max_record_size") || strstr(result.data, "nested too deeply"), begins[i],
		   result.data, "too large");
		text_free(&text);
		text_free(&result);
	}
}

/*
 * Damage
 */

static uint64_t random_state;

static uint32_t
draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t) (random_state >> 33) % below;
}

static const char *const words[] = {
	"\\ud800", "\\udc00", "\\u0000", "\\", "\"", "{", "}", "[", "]", ",", ":", "null", "1e999999999", "-", "\355\240\200", "\377",
	"<a>", "</a>", "<b/>", "<b i='", "'>", "<![CDATA[", "]]>", "<!--", "-->", "&#0;", "&#xd800;", "&lt;", "<!DOCTYPE a>", "\n",
	"\r", "<l><i>", "</i></l>", " xsi:nil='true'", " xmlns='x'", "{value}", "{a}", "\"type\": ", "\"path\": ", "\"a.b.c\"",
	"true", "0", "99999999999999999999", "; rel=\"next\"", "<", ">", "=", " ", "\"columns\": {", "\"filters\": {", "\"=\": "
};

/* A text that is changed here and there. */
static void
damage(HttpText *text)
{
	for (uint32_t times = 1 + draw(5); times > 0 && !text->failed; times--)
	{
		size_t		at = draw((uint32_t) text->size + 1);
		size_t		size = draw(1 + draw((uint32_t) (text->size - at) + 1));
		HttpText	changed = {0};
		const char *word = words[draw(COUNT(words))];

		text_append(&changed, text->data, at);
		switch (draw(5))
		{
			case 0:				/* without a piece */
				at += size;
				break;
			case 1:				/* twice a piece */
				text_append(&changed, text->data + at, size);
				break;
			case 2:				/* a word more */
				text_string(&changed, word);
				break;
			case 3:				/* a word instead */
				text_string(&changed, word);
				at += size;
				break;
			default:			/* another byte */
				if (at < text->size)
				{
					char		byte = (char) (draw(4) ? text->data[at] ^ (1 << draw(8)) : (int) draw(256));

					text_append(&changed, &byte, 1);
					at++;
				}
		}
		text_append(&changed, text->data + at, text->size - at);
		text_free(text);
		*text = changed;
	}
	if (text->size > TEXT_LIMIT)
		text->size = TEXT_LIMIT;
}

/* Reads it whole and in pieces; both must give the same, and fail both if one does. */
static void
try_reply(const Case *c, HttpText *text)
{
	char	  **path = json_split_path(c->records);
	size_t		limit = draw(3) ? 100000 : 1 + draw(200);
	HttpText	whole = read_text(c->format, (JsonPath) path, text->data, text->size, TEXT_LIMIT + 1, limit);
	HttpText	parts = read_text(c->format, (JsonPath) path, text->data, text->size, 1 + draw(30), limit);
	const char *error = memmem(whole.data, whole.size, "! ", 2);
	size_t		size = error ? (size_t) (error - whole.data) + 2 : whole.size;
	bool		same = (error ? parts.size > size : parts.size == size) && memcmp(whole.data, parts.data, size) == 0;

	/* what is too large is noticed sooner or later */
	if (!same && limit == 100000)
	{
		printf("# whole: %.3000s\n# in pieces: %.3000s\n# of: %.3000s\n", whole.data, parts.data, text->data);
		must(false, "a reply gives the same in pieces");
	}
	text_free(&whole);
	text_free(&parts);
	free(path);
}

/* of the sanitizer, where there is one */
extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));

/* One that is good stays for good. */
static void
try_manifest(const HttpText *text)
{
	char		error[512] = "";
	char	   *copy = malloc(text->size);

	memcpy(copy, text->data, text->size);
	if (__lsan_disable)
		__lsan_disable();
	must(http_from_manifest(copy, text->size, error, sizeof(error)) || error[0], "a manifest that is refused has an error");
	if (__lsan_enable)
		__lsan_enable();
	free(copy);
}

static HttpText
read_file(const char *path)
{
	HttpText	text = {0};
	char		buffer[4096];
	size_t		size;
	FILE	   *file = fopen(path, "r");

	must(file != NULL, path);
	while ((size = fread(buffer, 1, sizeof(buffer), file)) > 0)
		text_append(&text, buffer, size);
	fclose(file);
	return text;
}

/* Says of manifests what is wrong with them. */
static int
judge_manifests(void)
{
	char	   *line = NULL;
	size_t		room = 0;
	ssize_t		size;

	while ((size = getline(&line, &room, stdin)) > 0)
	{
		char		error[512] = "";

		puts(http_from_manifest(line, (size_t) size, error, sizeof(error)) ? "ok" : error);
	}
	free(line);
	return 0;
}

int
main(int argc, char **argv)
{
	double		seconds = argc > 1 ? atof(argv[1]) : 2;
	uint64_t	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	struct timespec now;
	double		until;
	long		rounds = 0;
	char		name[100];

	if (argc == 2 && strcmp(argv[1], "-") == 0)
		return judge_manifests();
	setvbuf(stdout, NULL, _IOLBF, 0);
	run_cases();
	run_bare();
	run_sizes();
	for (int i = 3; i < argc; i++)
	{
		HttpText	text = read_file(argv[i]);

		try_manifest(&text);
		text_free(&text);
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	until = (double) now.tv_sec + seconds;
	seed = seed ? seed : (uint64_t) time(NULL);
	printf("# CK_FUZZ_SEED=%llu\n", (unsigned long long) seed);
	for (; (double) now.tv_sec < until; rounds++)
	{
		const Case *c = &cases[rounds % (long) COUNT(cases)];
		HttpText	text = {0};

		random_state = (seed + (uint64_t) rounds) * UINT64_C(0x9E3779B97F4A7C15) | 1;
		for (int i = 0; i < 8; i++)
			draw(2);
		text_append(&text, c->text, strlen(c->text));
		damage(&text);
		try_reply(c, &text);
		text_free(&text);
		text_string(&text, links[rounds % (long) COUNT(links)].header);
		damage(&text);
		free(read_link(text.data, text.size));
		text_free(&text);
		if (argc > 3 && rounds % 4 == 0)
		{
			text = read_file(argv[3 + draw((uint32_t) (argc - 3))]);
			damage(&text);
			try_manifest(&text);
			text_free(&text);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	snprintf(name, sizeof(name), "%ld damaged texts do no harm", rounds);
	ok(true, name, "", "");
	return failures > 0;
}
