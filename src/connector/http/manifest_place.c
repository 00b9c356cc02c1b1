/*
 * manifest_place.c: reads what a manifest says of pages that are at the addresses of a list.
 */
#include "manifest_read.h"

/* {"s3": {"url": …, "auth": …}, …} */
static bool
read_place(Reading *r, const char *scheme, const json_t *value, const HttpTable *table, HttpSite *place)
{
	bool		good;

	place->scheme = scheme;
	if (!check_names(r, value, "url auth") || !take_string(r, value, "url", NULL, &place->url))
		return false;
	if (!place->url)
		return bad(r, "url", "the address that is asked for is missing");
	if (!check_text(r, "url", place->url, table))
		return false;
	r->owner = table;
	good = read_auth(r, value, &place->auth);
	r->owner = NULL;
	return good && (place->auth.type == AUTH_NONE || place->auth.type == AUTH_BEARER || place->auth.type == AUTH_AWS_SIGV4 ||
					bad(r, "auth", "pages of a list have none, bearer or aws_sigv4"));
}

bool
read_sites(Reading *r, const json_t *paging, HttpTable *table)
{
	HttpPaging *p = &table->paging;
	json_t	   *places = json_object_get(paging, "places"),
			   *value;
	const char *scheme;
	size_t		place,
				n = 0;

	if (!take_member_path(r, paging, "records", &p->records))
		return false;
	if (p->type != PAGING_LIST)
		return (!places && !p->records) || bad(r, places ? "places" : "records", "it is of lists");
	if (table->nbefore == 0)
		return bad(r, "type", "the last request of \"before\" gives the list, and there is none");
	if (table->before[table->nbefore - 1].take[0].name || table->before[table->nbefore - 1].until)
		return bad(r, "type", "the last request of \"before\" gives the list; nothing is taken out of it or waited for in it");
	if (table->body)
		return bad(r, "type", "pages of a list are asked for without a body");
	for (const HttpPair *header = table->headers; header && header->name; header++)
		if (strchr(header->text, '{'))
			return bad(r, "type", "pages of a list get no headers with values");
	if (p->records)
		table->before[table->nbefore - 1].request->records = p->records;
	if (places && !json_is_object(places))
		return bad(r, "places", "an object is expected");
	p->places = keep(r, json_object_size(places) + 1, sizeof(HttpSite));
	if (!p->places)
		return false;
	place = enter(r, "places");
	json_object_foreach(places, scheme, value)
	{
		size_t		outer = enter(r, scheme);

		if (!read_place(r, scheme, value, table, &p->places[n++]))
			return false;
		r->place[outer] = '\0';
	}
	r->place[place] = '\0';
	return true;
}
