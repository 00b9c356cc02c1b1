/*
 * bare_http.c: reads pages of JSON through libcurl and takes them apart with libyajl, keeps nothing, and prints the milliseconds
 * that took: the ceiling that a connector on these libraries can come near.
 *
 * usage: bare_http URL PAGES
 *
 * Pages 1 to PAGES are asked for, the number behind the URL, over one connection.
 */
#include <curl/curl.h>
#include <yajl/yajl_parse.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned long values = 0;

static int
take_text(void *context, const unsigned char *text, size_t size)
{
	(void) context;
	values += size > 0 && text[0] != 0;
	return 1;
}

static int
take_number(void *context, const char *text, size_t size)
{
	return take_text(context, (const unsigned char *) text, size);
}

static size_t
take_bytes(char *data, size_t size, size_t count, void *parser)
{
	return yajl_parse(parser, (unsigned char *) data, size * count) == yajl_status_ok ? size * count : 0;
}

int
main(int argc, char **argv)
{
	static const yajl_callbacks callbacks = {.yajl_string = take_text, .yajl_map_key = take_text, .yajl_number = take_number};
	CURL	   *curl = curl_easy_init();
	struct timespec begin,
				end;

	if (argc != 3)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int page = 1; page <= atoi(argv[2]); page++)
	{
		yajl_handle parser = yajl_alloc(&callbacks, NULL, NULL);
		char		url[1000];

		snprintf(url, sizeof(url), "%s%d", argv[1], page);
		curl_easy_setopt(curl, CURLOPT_URL, url);
		curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
		curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, parser);
		if (curl_easy_perform(curl) != CURLE_OK || yajl_complete_parse(parser) != yajl_status_ok)
		{
			fprintf(stderr, "bare_http: page %d cannot be read\n", page);
			return 1;
		}
		yajl_free(parser);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	curl_easy_cleanup(curl);
	printf("%.0f\n", (end.tv_sec - begin.tv_sec) * 1e3 + (end.tv_nsec - begin.tv_nsec) / 1e6);
	fprintf(stderr, "%lu values\n", values);
	return 0;
}
