/*
 * manifest_step.c: reads what a table asks for before its first page, and gives back behind its last.
 */
#include "manifest_read.h"

#include <stdio.h>
#include <stdlib.h>

/* Adds the names of {"name": "path", …} to those taken. */
static bool
add_names(Reading *r, const json_t *take, const char **names, size_t *n)
{
	static const char *const reserved[] = {"value", "table", "columns", "place", "rest", NULL};
	const char *name;
	json_t	   *path;

	if (take && !json_is_object(take))
		return bad(r, "take", "an object of names and paths is expected");
	json_object_foreach((json_t *) take, name, path)
	{
		bool		known = false;

		for (size_t i = 0; i < *n; i++)
			known |= strcmp(names[i], name) == 0;
		if (known)
			continue;
		if (*n == HTTP_TAKEN)
			return bad(r, "take", "no more than %d values can be taken", HTTP_TAKEN);
		if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) || http_is_listed(reserved, name) ||
			http_option(r->options, name, strlen(name)))
			return bad(r, "take", "\"%s\" is an option, or no name of the letters a-z, digits and underscores", name);
		names[(*n)++] = name;
	}
	return true;
}

bool
list_taken(Reading *r, const json_t *object, HttpTable *table)
{
	const json_t *before = json_object_get(object, "before");
	const char **names = keep(r, HTTP_TAKEN + 1, sizeof(char *));
	size_t		n = 0;

	if (!names)
		return false;
	if (before && !json_is_array(before))
		return bad(r, "before", "a list of requests is expected");
	table->nbefore = json_array_size(before);
	for (size_t i = 0; i < table->nbefore; i++)
		if (!add_names(r, json_object_get(json_array_get(before, i), "take"), names, &n))
			return false;
	table->taken = names;
	if (!add_names(r, json_object_get(object, "take"), names, &n))
		return false;
	if (!json_object_get(json_object_get(object, "paging"), "places"))
		return true;
	if (n + 2 > HTTP_TAKEN)
		return bad(r, "take", "no more than %d values can be taken", HTTP_TAKEN - 2);
	names[n++] = "place";
	names[n] = "rest";
	return true;
}

/* {"name": "path", …}, or with parts {"name": {"path": …, "part": …, "default": …}} */
static bool
read_take(Reading *r, const json_t *object, bool parts, HttpTake **list)
{
	json_t	   *take = json_object_get(object, "take"),
			   *path;
	const char *name;
	size_t		n = 0;

	*list = keep(r, json_object_size(take) + 1, sizeof(HttpTake));
	json_object_foreach(take, name, path)
	{
		HttpTake   *t = &(*list)[n++];
		bool		more = *list && json_is_object(path) && parts;

		if (more && (!check_names(r, path, "path part default") || !take_string(r, path, "part", NULL, &t->part) ||
					 !take_string(r, path, "default", NULL, &t->initial)))
			return false;
		if (!*list || !take_path(r, more ? json_object_get(path, "path") : path, "take", &t->path))
			return false;
		t->name = name;
	}
	return *list != NULL;
}

/* A list of texts, up to a NULL. */
static bool
read_words(Reading *r, const json_t *object, const char *name, const char *const **words)
{
	const json_t *list = json_object_get(object, name);
	const char **copy = keep(r, json_array_size(list) + 1, sizeof(char *));

	if (list && !json_is_array(list))
		return bad(r, name, "a list of texts is expected");
	for (size_t i = 0; copy && i < json_array_size(list); i++)
		if (!(copy[i] = json_string_value(json_array_get(list, i))))
			return bad(r, name, "a list of texts is expected");
	*words = copy;
	return copy != NULL;
}

/* "2 s", "500 ms", "1 min": milliseconds. */
static bool
take_interval(Reading *r, const json_t *object, const char *name, const char *initial, int64_t *ms)
{
	const char *text;
	char	   *end;

	if (!take_string(r, object, name, initial, &text))
		return false;
	*ms = strtoll(text, &end, 10);
	end += strspn(end, " ");
	if (*ms < 1 || *ms > 86400 || (strcmp(end, "ms") != 0 && strcmp(end, "s") != 0 && strcmp(end, "min") != 0))
		return bad(r, name, "a time is expected, as \"500 ms\", \"2 s\" or \"1 min\"");
	*ms *= strcmp(end, "ms") == 0 ? 1 : strcmp(end, "s") == 0 ? 1000 : 60000;
	return true;
}

static bool
read_until(Reading *r, const json_t *object, HttpStep *step)
{
	const json_t *until = json_object_get(object, "until");
	size_t		place;

	if (!take_interval(r, object, "every", "2 s", &step->every_ms))
		return false;
	if (!until)
		return !json_object_get(object, "every") || bad(r, "every", "it is for \"until\"");
	place = enter(r, "until");
	if (!check_names(r, until, "path is fails message") || !take_member_path(r, until, "path", &step->until) ||
		!read_words(r, until, "is", &step->done) || !read_words(r, until, "fails", &step->failed) ||
		!take_member_path(r, until, "message", &step->message))
		return false;
	if (!step->until || !step->done[0])
		return bad(r, "", "path, and in a list what there is when it is done, are needed");
	r->place[place] = '\0';
	return true;
}

static bool
read_step(Reading *r, const json_t *object, HttpTable *table, HttpStep *step)
{
	static const char *const all[] = {NULL};
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

	step->request = keep(r, 1, sizeof(HttpTable));
	if (!step->request || !check_names(r, object, "method path url params headers body take until every") ||
		!read_request(r, object, table, step->request) || !read_take(r, object, true, &step->take) ||
		!read_until(r, object, step))
		return false;
	step->request->name = table->name;
	step->request->records = all;
	step->request->listed = table->listed;
	step->request->taken = table->taken;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(step->request->method, methods[i]) == 0)
			return true;
	return bad(r, "method", "it is none of GET, POST, PUT, PATCH and DELETE");
}

bool
read_steps(Reading *r, const json_t *object, HttpTable *table)
{
	const json_t *before = json_object_get(object, "before");
	const json_t *after = json_object_get(object, "after");
	size_t		place;

	table->before = keep(r, table->nbefore, sizeof(HttpStep));
	for (size_t i = 0; table->before && i < table->nbefore; i++)
	{
		char		name[32];

		snprintf(name, sizeof(name), "before.%zu", i);
		place = enter(r, name);
		if (!read_step(r, json_array_get(before, i), table, &table->before[i]))
			return false;
		r->place[place] = '\0';
	}
	if (!table->before || !read_take(r, object, false, &table->take))
		return false;
	if (!after)
		return true;
	table->after = keep(r, 1, sizeof(HttpStep));
	place = enter(r, "after");
	if (!table->after || !read_step(r, after, table, table->after))
		return false;
	if (table->after->take[0].name || table->after->until)
		return bad(r, "", "nothing is taken out of its reply");
	r->place[place] = '\0';
	return true;
}
