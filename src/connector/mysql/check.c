/*
 * check.c: what connkit_test() says of a server and of the account.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Privileges by which an account changes rows, as SHOW GRANTS writes them, and those by which it changes more. */
static const char *const writing[] = {"INSERT", "UPDATE", "DELETE", NULL};
static const char *const ruling[] = {
	"ALL PRIVILEGES", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER", "EVENT", "SUPER", "FILE", "SHUTDOWN", "GRANT OPTION",
	"CREATE USER", NULL
};

/* Adds a word to a list divided by commas, once, as far as there is room. */
static void
check_add(char *list, size_t size, const char *word)
{
	size_t		used = strlen(list);

	if (!strstr(list, word) && used + strlen(word) + 3 < size)
		snprintf(list + used, size - used, "%s%s", used ? ", " : "", word);
}

/* Whether a privilege stands in a list of them as a whole entry. */
static bool
check_has(const char *grants, const char *privilege)
{
	size_t		length = strlen(privilege);

	for (const char *p = strstr(grants, privilege); p; p = strstr(p + 1, privilege))
		if ((p == grants || p[-1] == ' ') && (p[length] == ',' || p[length] == ' ' || p[length] == '\0' || p[length] == '('))
			return true;
	return false;
}

/* Adds to the lists what one line of SHOW GRANTS tells. */
static void
check_grant(char *line, bool may_write, char *places, size_t places_size, char *writes, size_t writes_size)
{
	char	   *on = strstr(line, " ON ");
	char	   *to = on ? strstr(on, " TO ") : NULL;

	if (strncmp(line, "GRANT ", 6) != 0 || !on || !to)
		return;
	*on = *to = '\0';
	if (strcmp(line, "GRANT USAGE") == 0 || strcmp(line, "GRANT PROXY") == 0)
		return;
	check_add(places, places_size, on + 4);
	for (int i = 0; writing[i]; i++)
		if (!may_write && check_has(line + 6, writing[i]))
			check_add(writes, writes_size, writing[i]);
	for (int i = 0; ruling[i]; i++)
		if (check_has(line + 6, ruling[i]))
			check_add(writes, writes_size, ruling[i]);
}

/* The stage PRIVILEGES: what the account may do. */
static CkStatus
check_privileges(CkSession *session)
{
	MYSQL_RES  *rows = NULL;
	MYSQL_ROW	row;
	char		places[200] = "";
	char		writes[200] = "";
	char		text[480];
	CkStatus	status;

	ck_stage(session, CK_STAGE_PRIVILEGES, NULL);
	status = call_query(session, "SHOW GRANTS", &rows);
	if (status != CK_OK)
		return status;
	while ((row = mysql_fetch_row(rows)) != NULL)
		if (row[0])
			check_grant(row[0], !session->read_only, places, sizeof(places), writes, sizeof(writes));
	mysql_free_result(rows);
	snprintf(text, sizeof(text), places[0] ? "may read %s" : "may read nothing%s", places);
	ck_stage(session, CK_STAGE_PRIVILEGES, text);
	if (writes[0])
	{
		snprintf(text, sizeof(text), "the account may do more than it has to: %s", writes);
		ck_warn(session, text, session->read_only
				? "Use an account that may only read: no more than SELECT and SHOW VIEW."
				: "Use an account that may change the rows of the tables that are to be written, and nothing else.");
	}
	return CK_OK;
}

CkStatus
mysql_session_check(CkSession *session)
{
	MysqlSession *state = session->state;
	MYSQL_RES  *rows = NULL;
	MYSQL_ROW	row;
	char		version[128];
	char		detail[256];
	CkStatus	status;
	const char *server = mysql_get_server_info(state->mysql);

	ck_stage(session, CK_STAGE_QUERY, NULL);
	status = call_settle(session);
	if (status == CK_OK)
		status = call_query(session, "SELECT CURRENT_USER(), DATABASE()", &rows);
	if (status != CK_OK)
		return status;
	snprintf(version, sizeof(version), "%s %.*s", strstr(server, "MariaDB") ? "MariaDB" : "MySQL",
			 (int) strcspn(server, "-"), server);
	ck_server_version(session, version);
	row = mysql_fetch_row(rows);
	snprintf(detail, sizeof(detail), "account %s, %s %s", row && row[0] ? row[0] : "?",
			 row && row[1] ? "database" : "no database", row && row[1] ? row[1] : "chosen");
	mysql_free_result(rows);
	ck_stage(session, CK_STAGE_QUERY, detail);
	status = check_privileges(session);
	state->used = true;
	return status;
}
