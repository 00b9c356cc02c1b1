/*
 * manifest_fault.c: reads what a manifest, or a table, says of errors and of limits.
 */
#include "manifest_read.h"

#include <stdio.h>
#include <stdlib.h>

/* A status, or a class of these: "404", "5xx". */
static bool
take_status(Reading *r, const char *member, const json_t *value, int *first, int *last)
{
	char		text[8] = "";
	char	   *end;

	if (json_is_integer(value))
		snprintf(text, sizeof(text), "%d", (int) json_integer_value(value));
	else if (json_is_string(value))
		snprintf(text, sizeof(text), "%s", json_string_value(value));
	*first = *last = (int) strtol(text, &end, 10);
	if (strlen(text) == 3 && strcmp(end, "xx") == 0)
	{
		*first *= 100;
		*last = *first + 99;
	}
	else if (*end)
		*first = 0;
	return (*first >= 200 && *last <= 599) ||
		bad(r, member, "a status is expected, or a class of these: \"404\", \"5xx\"");
}

/* One status, or a list. */
static bool
take_statuses(Reading *r, const json_t *value, HttpFaultRule *rule)
{
	if (!json_is_array(value))
		return take_status(r, "status", value, &rule->statuses[0].first, &rule->statuses[0].last);
	if (json_array_size(value) == 0 || json_array_size(value) >= FAULT_STATUSES)
		return bad(r, "status", "one to %d are expected", FAULT_STATUSES - 1);
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!take_status(r, "status", json_array_get(value, i), &rule->statuses[i].first, &rule->statuses[i].last))
			return false;
	return true;
}

/* A text as it is compared, of a JSON value that holds no others; NULL: it is none. */
static const char *
scalar_text(Reading *r, const json_t *value)
{
	char	   *text;

	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (!json_is_integer(value) || !(text = keep(r, 32, 1)))
		return NULL;
	snprintf(text, 32, "%lld", (long long) json_integer_value(value));
	return text;
}

/* One value, or a list. */
static bool
take_equals(Reading *r, const json_t *value, const char ***equals)
{
	size_t		n = json_is_array(value) ? json_array_size(value) : 1;

	if (!value)
		return true;
	*equals = keep(r, n + 1, sizeof(char *));
	for (size_t i = 0; *equals && i < n; i++)
	{
		(*equals)[i] = scalar_text(r, json_is_array(value) ? json_array_get(value, i) : value);
		if (!(*equals)[i])
			return bad(r, "equals", "a text, a number, true or false is expected, or a list of these");
	}
	return *equals != NULL;
}

/* Whether it is for replies that are good by their status. */
static bool
is_for_good(const HttpFaultRule *rule)
{
	for (int i = 0; rule->statuses[i].first; i++)
		if (rule->statuses[i].first < 300)
			return true;
	return false;
}

static bool
read_rule(Reading *r, const json_t *value, HttpFaultRule *rule)
{
	int			verdict;

	if (!check_names(r, value, "status path equals contains do message") ||
		!take_statuses(r, json_object_get(value, "status"), rule) ||
		!take_member_path(r, value, "path", &rule->path) ||
		!take_equals(r, json_object_get(value, "equals"), &rule->equals) ||
		!take_string(r, value, "contains", NULL, &rule->contains) ||
		!take_word(r, value, "do", VERDICT_WORDS, &verdict) ||
		!take_string(r, value, "message", NULL, &rule->message))
		return false;
	rule->verdict = (HttpVerdict) verdict;
	if (rule->equals && rule->contains)
		return bad(r, "contains", "there is equals too");
	if (rule->equals && !rule->path)
		return bad(r, "path", "it is missing: where the value lies");
	if (is_for_good(rule) && rule->contains && !rule->path)
		return bad(r, "path", "it is missing: a good reply is looked at only in one place");
	return true;
}

/* {"404": "empty", "5xx": "retry"} */
static bool
read_short_rules(Reading *r, const json_t *object, HttpFaults *faults)
{
	const char *status;
	json_t	   *what;

	json_object_foreach((json_t *) object, status, what)
	{
		HttpFaultRule *rule = &faults->rules[faults->nrules++];
		json_t	   *text = json_string(status);
		int			verdict = 0;
		bool		good = text && take_status(r, status, text, &rule->statuses[0].first, &rule->statuses[0].last);

		json_decref(text);
		if (!good || !json_is_string(what) || !take_word(r, object, status, VERDICT_WORDS, &verdict))
			return good && bad(r, status, "it is none of %s", VERDICT_WORDS);
		rule->verdict = (HttpVerdict) verdict;
	}
	return true;
}

bool
read_faults(Reading *r, const json_t *object, HttpFaults *faults)
{
	const json_t *errors = json_object_get(object, "errors");
	size_t		place = enter(r, "errors"),
				late = 0;

	faults->rules = keep(r, json_is_array(errors) ? json_array_size(errors) : json_object_size(errors), sizeof(HttpFaultRule));
	if (!faults->rules)
		return false;
	if (errors && !json_is_array(errors) && !json_is_object(errors))
		return bad(r, "", "an object of statuses is expected, or a list of rules");
	if (json_is_object(errors) && !read_short_rules(r, errors, faults))
		return false;
	for (size_t i = 0; json_is_array(errors) && i < json_array_size(errors); i++)
	{
		char		number[16];
		size_t		outer;

		snprintf(number, sizeof(number), "%zu", i);
		outer = enter(r, number);
		if (!read_rule(r, json_array_get(errors, i), &faults->rules[faults->nrules++]))
			return false;
		late += is_for_good(&faults->rules[i]) && faults->rules[i].path;
		r->place[outer] = '\0';
	}
	if (late > FAULT_LATE)
		return bad(r, "", "no more than %d rules may look into good replies", FAULT_LATE);
	r->place[place] = '\0';
	return take_member_path(r, object, "error_message", &faults->message);
}

/* Whether a path leads to where another one ends, or further in. */
static bool
is_within(JsonPath path, JsonPath outer)
{
	while (*outer && *path && strcmp(*outer, *path) == 0)
	{
		outer++;
		path++;
	}
	return !*outer;
}

bool
check_faults(Reading *r, const HttpFaults *faults, const HttpTable *table)
{
	for (size_t i = 0; i < faults->nrules; i++)
		if (is_for_good(&faults->rules[i]) && faults->rules[i].path && table->records[0] &&
			is_within(faults->rules[i].path, table->records))
			return bad(r, "errors", "the path of rule %zu lies within the records", i);
	return true;
}

bool
read_rate_limit(Reading *r, const json_t *object, bool whole, HttpRateLimit *limit)
{
	const json_t *value = json_object_get(object, "rate_limit");
	size_t		place = enter(r, "rate_limit");
	int			form;

	if (value)
	{
		if (!check_names(r, value, whole ? "remaining reset reset_in requests seconds" : "remaining reset reset_in") ||
			!take_string(r, value, "remaining", NULL, &limit->remaining) ||
			!take_string(r, value, "reset", NULL, &limit->reset) || !take_word(r, value, "reset_in", RESET_WORDS, &form) ||
			!take_integer(r, value, "requests", 0, 1, &limit->requests) ||
			!take_integer(r, value, "seconds", 60, 1, &limit->seconds))
			return false;
		limit->reset_in = (HttpResetForm) form;
		if (limit->seconds > MAX_REQUESTS_SECONDS)
			return bad(r, "seconds", "it is more than %d", MAX_REQUESTS_SECONDS);
	}
	r->place[place] = '\0';
	return true;
}
