/*
 * auth.c: how a request proves whose it is.
 */
#include "http_source.h"

/* User and password, as RFC 7617 has them. */
static CkStatus
write_basic(CkScan *scan, const HttpAuthRule *rule, HttpText *header)
{
	HttpText	plain = {0};
	CkStatus	status = http_write_text(scan, &plain, rule->user, AS_IT_IS, AS_IT_IS);

	if (status == CK_OK && plain.data && strchr(plain.data, ':'))
		status = ck_fail(scan->session, CK_ERR_OPTION, "the user's name holds a colon");
	text_append(&plain, ":", 1);
	if (status == CK_OK)
		status = http_write_text(scan, &plain, rule->password, AS_IT_IS, AS_IT_IS);
	text_string(header, "Authorization: Basic ");
	if (plain.data)
		text_base64(header, plain.data, plain.size);
	text_free(&plain);
	return status;
}

/* Whether the texts hold options' values, and none of these options is given: then there is no credential to be sent. */
static bool
lacks_credential(const CkScan *scan, const char *first, const char *second)
{
	const HttpScan *http = scan->state;
	const char *texts[] = {first, second};
	bool		lacks = false;

	for (int i = 0; i < 2; i++)
	{
		const char *text = texts[i],
				   *name;
		size_t		size;

		while ((text = http_next_value(text, &name, &size)) != NULL)
		{
			const CkOption *option = http_option(http->manifest->pub.options, name, size);

			const char *taken = http_taken(http, name, size);

			if ((option && http_chosen(scan, option)[0]) || (taken && *taken))
				return false;
			lacks = true;
			text = name + size;
		}
	}
	return lacks;
}

CkStatus
http_write_auth(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	HttpSession *session = scan->session->state;
	HttpAuthRule rule = http_page_auth(http);
	HttpText   *header = &page->secrets[0];
	CkStatus	status = CK_OK;

	if (rule.type == AUTH_BASIC && !http->manifest->ad_hoc && rule.token && !lacks_credential(scan, rule.token, ""))
		rule.type = AUTH_BEARER;
	if ((rule.type == AUTH_BASIC && lacks_credential(scan, rule.user, rule.password)) ||
		((rule.type == AUTH_BEARER || rule.type == AUTH_API_KEY) && lacks_credential(scan, rule.token, "")))
		return CK_OK;
	switch (rule.type)
	{
		case AUTH_NONE:
			return CK_OK;
		case AUTH_BASIC:
			status = write_basic(scan, &rule, header);
			break;
		case AUTH_BEARER:
			text_string(header, "Authorization: Bearer ");
			status = http_write_text(scan, header, rule.token, AS_IT_IS, AS_IT_IS);
			break;
		case AUTH_API_KEY:
			if (strcmp(rule.in, "query") == 0)
			{
				http_begin_param(&page->url, rule.name);
				return http_write_text(scan, &page->url, rule.token, IN_URL, IN_URL);
			}
			text_string(header, rule.name);
			text_string(header, ": ");
			status = http_write_text(scan, header, rule.token, AS_IT_IS, AS_IT_IS);
			break;
		case AUTH_OAUTH2:
		case AUTH_JWT:
			status = http_need_token(scan, &rule);
			text_string(header, "Authorization: Bearer ");
			if (status == CK_OK)
				text_append(header, session->token.data, session->token.size);
			break;
		case AUTH_AWS_SIGV4:
			status = http_sign_aws(scan, &rule);
			break;
	}
	page->secret_list[0] = header->data;
	return status == CK_OK ? http_check_text(scan->session, header) : status;
}

bool
http_renew_auth(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	HttpSession *session = scan->session->state;
	HttpAuth	type = http_page_auth(http).type;
	const char *sent = page->secrets[0].data ? strrchr(page->secrets[0].data, ' ') : NULL;

	if (page->renewed || (type != AUTH_OAUTH2 && type != AUTH_JWT))
		return false;
	page->renewed = true;
	/* another scan may have a new one already */
	if (sent && session->token.data && strcmp(sent + 1, session->token.data) == 0)
		text_free(&session->token);
	return true;
}

void
http_auth_free(HttpSession *session)
{
	text_free(&session->token);
	text_free(&session->refresh_token);
}
