/*
 * manifest_read.c: members of a JSON object, taken with a look at what they are; for all that reads a part of a manifest.
 */
#include "manifest_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Kept
{
	struct Kept *next;
	max_align_t memory[];
} Kept;

void *
keep(Reading *r, size_t count, size_t size)
{
	Kept	   *kept = calloc(1, sizeof(Kept) + (count ? count : 1) * size);

	if (!kept)
	{
		snprintf(r->error, r->error_size, "out of memory");
		return NULL;
	}
	kept->next = r->kept;
	r->kept = kept;
	return kept->memory;
}

void
drop(Reading *r)
{
	while (r->kept)
	{
		Kept	   *next = r->kept->next;

		free(r->kept);
		r->kept = next;
	}
}

bool
bad(Reading *r, const char *member, const char *format, ...)
{
	char		message[512];
	va_list		args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	snprintf(r->error, r->error_size, "%s%s%s: %s", r->place, r->place[0] && member[0] ? "." : "", member, message);
	return false;
}

size_t
enter(Reading *r, const char *member)
{
	size_t		length = strlen(r->place);

	snprintf(r->place + length, sizeof(r->place) - length, "%s%s", length ? "." : "", member);
	return length;
}

bool
check_names(Reading *r, const json_t *object, const char *names)
{
	const char *name;
	json_t	   *value;

	if (!json_is_object(object))
		return bad(r, "", "an object is expected");
	json_object_foreach((json_t *) object, name, value)
	{
		const char *found = names;
		size_t		size = strlen(name);

		while (found && (strncmp(found, name, size) != 0 || strcspn(found, " ") != size))
		{
			found = strchr(found, ' ');
			found += found ? 1 : 0;
		}
		if (!found)
			return bad(r, name, "there is no such setting; there are %s", names);
	}
	return true;
}

bool
take_string(Reading *r, const json_t *object, const char *name, const char *initial, const char **value)
{
	const json_t *member = json_object_get(object, name);

	*value = initial;
	if (!member || json_is_null(member))
		return true;
	if (!json_is_string(member) || strlen(json_string_value(member)) != json_string_length(member))
		return bad(r, name, "a string is expected");
	*value = json_string_value(member);
	return true;
}

bool
take_integer(Reading *r, const json_t *object, const char *name, int64_t initial, int64_t least, int64_t *value)
{
	const json_t *member = json_object_get(object, name);

	*value = initial;
	if (!member)
		return true;
	if (!json_is_integer(member) || json_integer_value(member) < least)
		return bad(r, name, "a number of %lld or more is expected", (long long) least);
	*value = json_integer_value(member);
	return true;
}

bool
take_boolean(Reading *r, const json_t *object, const char *name, bool *value)
{
	const json_t *member = json_object_get(object, name);

	*value = json_is_true(member);
	return !member || json_is_boolean(member) || bad(r, name, "true or false is expected");
}

bool
take_word(Reading *r, const json_t *object, const char *name, const char *words, int *number)
{
	const char *value;
	size_t		size;

	*number = 0;
	if (!take_string(r, object, name, NULL, &value))
		return false;
	if (!value)
		return true;
	for (const char *word = words; *word; word += size + (word[size] == '|'))
	{
		size = strcspn(word, "|");
		if (strlen(value) == size && strncmp(value, word, size) == 0)
			return true;
		(*number)++;
	}
	return bad(r, name, "it is none of %s", words);
}

bool
take_path(Reading *r, const json_t *value, const char *name, JsonPath *path)
{
	size_t		count = 0;
	const char **names;
	char	  **split;

	if (json_is_array(value))
	{
		if (json_array_size(value) > JSON_PATH_LIMIT)
			return bad(r, name, "a path of %d names at most is expected", JSON_PATH_LIMIT);
		names = keep(r, json_array_size(value) + 1, sizeof(char *));
		for (size_t i = 0; names && i < json_array_size(value); i++)
			if (!(names[i] = json_string_value(json_array_get(value, i))))
				return bad(r, name, "a list of names is expected");
		*path = names;
		return names != NULL;
	}
	if (!json_is_string(value))
		return bad(r, name, "a path is expected: names divided by dots, or a list of names");
	split = json_split_path(json_string_value(value));
	if (!split)
		return bad(r, name, "out of memory");
	while (split[count])
		count++;
	if (count > JSON_PATH_LIMIT)
	{
		free(split);
		return bad(r, name, "a path of %d names at most is expected", JSON_PATH_LIMIT);
	}
	names = keep(r, count + 1, sizeof(char *));
	for (size_t i = 0; names && i < count; i++)
	{
		char	   *copy = keep(r, strlen(split[i]) + 1, 1);

		names[i] = copy ? strcpy(copy, split[i]) : NULL;
		if (!copy)
			names = NULL;
	}
	free(split);
	*path = names;
	return names != NULL;
}

bool
take_member_path(Reading *r, const json_t *object, const char *name, JsonPath *path)
{
	const json_t *member = json_object_get(object, name);

	*path = NULL;
	return !member || take_path(r, member, name, path);
}

const char *
http_next_value(const char *text, const char **name, size_t *size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	for (; (text = strchr(text, '{')) != NULL; text++)
	{
		*name = text + 1;
		*size = strspn(*name, letters);
		if (*size > 0 && (*name)[*size] == '}')
			return text;
	}
	return NULL;
}

const CkOption *
http_option(const CkOption *options, const char *name, size_t size)
{
	for (; options->name; options++)
		if (strlen(options->name) == size && memcmp(options->name, name, size) == 0 &&
			(options->type == CK_OPT_STRING || options->type == CK_OPT_CHOICE))
			return options;
	return NULL;
}

bool
check_text(Reading *r, const char *member, const char *text, const HttpTable *table)
{
	const char *name;
	size_t		size;

	table = table ? table : r->owner;
	while (text && (text = http_next_value(text, &name, &size)) != NULL)
	{
		const CkOption *option = http_option(r->options, name, size);
		bool		found = option != NULL;

		for (size_t i = 0; table && i < table->nfilters && !found; i++)
			found = table->filters[i].column && http_in_path(&table->filters[i]) && strlen(table->filters[i].column) == size &&
				memcmp(table->filters[i].column, name, size) == 0;
		for (const char *const *taken = table ? table->taken : NULL; taken && *taken && !found; taken++)
			found = strlen(*taken) == size && memcmp(*taken, name, size) == 0;
		found |= table && table->listed && ((size == 5 && memcmp(name, "table", 5) == 0) ||
											(size == 7 && memcmp(name, "columns", 7) == 0));
		if (!found)
			return bad(r, member, "\"%.*s\" is no option and no column with a filter in the path", (int) size, name);
		if (option && r->session && (option->where & CK_ON_TABLE))
			return bad(r, member, "\"%.*s\" is an option of tables", (int) size, name);
		text = name + size;
	}
	return true;
}

bool
take_text(Reading *r, const json_t *object, const char *member, const char **text)
{
	return take_string(r, object, member, "", text) && check_text(r, member, *text, NULL);
}

bool
take_pairs(Reading *r, const json_t *object, const char *member, const HttpTable *table, HttpPair **pairs)
{
	json_t	   *values = json_object_get(object, member);
	size_t		place,
				n = 0;
	const char *name;
	json_t	   *value;

	*pairs = NULL;
	if (!values)
		return true;
	if (!json_is_object(values))
		return bad(r, member, "an object is expected");
	*pairs = keep(r, json_object_size(values) + 1, sizeof(HttpPair));
	if (!*pairs)
		return false;
	place = enter(r, member);
	json_object_foreach(values, name, value)
	{
		if (!json_is_string(value))
			return bad(r, name, "a string is expected");
		if (!check_text(r, name, json_string_value(value), table))
			return false;
		(*pairs)[n++] = (HttpPair) {.name = name, .text = json_string_value(value)};
	}
	r->place[place] = '\0';
	return true;
}

/* Texts of a filter's JSON in which a condition's own values stand. */
static bool
is_own_value(const char *text)
{
	static const char *const known[] = {"{value}", "{values}", "{low}", "{high}", "{column}", "{condition}"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], text) == 0)
			return true;
	return false;
}

bool
check_json(Reading *r, const char *member, const json_t *json, const HttpTable *table)
{
	bool		good = true;
	const char *name;
	json_t	   *value;

	if (json_is_string(json) && !is_own_value(json_string_value(json)))
		return check_text(r, member, json_string_value(json), table);
	if (json_is_object(json))
		json_object_foreach((json_t *) json, name, value)
			good = good && check_json(r, member, value, table);
	for (size_t i = 0; json_is_array(json) && i < json_array_size(json); i++)
		good = good && check_json(r, member, json_array_get(json, i), table);
	return good;
}
