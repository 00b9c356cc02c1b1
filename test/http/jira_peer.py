#!/usr/bin/env python3
"""jira_peer.py: the double of Jira (jira_double.py) read by the client library "jira" of PyPI, so
that it is not only our own idea; TAP.

usage: jira_peer.py URL
"""
import sys

import jira

count = failed = 0


def equal(have, want, name):
    global count, failed
    count += 1
    failed += have != want
    print("%s %d - %s" % ("ok" if have == want else "not ok", count, name))
    if have != want:
        print("# have: %r\n# want: %r" % (have, want))


def refused(jql):
    try:
        client.enhanced_search_issues(jql)
    except jira.JIRAError as error:
        return "%d %s" % (error.status_code, error.text)
    return None


client = jira.JIRA(sys.argv[1], basic_auth=("anna@example.org", "secret-1"), max_retries=0,
                   options={"rest_api_version": "3"})
found = client.enhanced_search_issues("project is not EMPTY ORDER BY created ASC, key ASC", maxResults=0, fields="*all")
equal(len(found), 250, "all pages")
equal([found[6].key, found[6].fields.summary, found[6].fields.status.name, found[6].fields.reporter.displayName],
      ["SHOP-7", "issue 7 \u2013 \u017elut\u00e9", "DONE", "Anna"], "an issue")
equal([a.filename for a in found[0].fields.attachment], ["file 1.txt"], "its files")
equal([found[0].fields.issuelinks[0].type.outward, found[0].fields.issuelinks[0].outwardIssue.key], ["blocks", "SHOP-2"], "its links")
equal(len(client.enhanced_search_issues('project in ("OPS") AND status in ("to do", 3)', maxResults=0)), 25, "conditions")
equal(len(client.enhanced_search_issues('updated >= "2026-01-02 15:00" ORDER BY updated ASC', maxResults=0)), 36, "times of +14")
equal(refused("project in (NOPE)"), "400 The value 'nope' does not exist for the field 'project'.", "a project that is none")
equal((refused("ORDER BY created") or "")[:36], "400 Unbounded JQL queries are not al", "no restriction")
equal([len(client.worklogs("SHOP-2")), client.worklogs("SHOP-2")[1].timeSpentSeconds], [2, 60], "work")
equal([c.author.displayName for c in client.comments("SHOP-3")], ["Anna", "Bob"], "comments, of which the double gives two at once")
equal([s.name for s in client.statuses()], ["To Do", "In Progress", "Done", "DONE"], "states")
equal(client.myself()["timeZone"], "Pacific/Kiritimati", "the account")
print("1..%d" % count)
sys.exit(failed > 0)
