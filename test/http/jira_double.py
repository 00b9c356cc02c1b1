#!/usr/bin/env python3
"""jira_double.py: a double of Jira Cloud's REST API, version 3, as far as the manifest jira asks it. It is the project's own.

usage: jira_double.py FOLDER/ [--issues N]

It listens on a port of 127.0.0.1 that the system chooses and writes it to FOLDER/port; each search's JQL and maxResults go to
FOLDER/jql. JQL is read by Jira's published grammar (quoted and bare texts, escapes, lists, is EMPTY, AND, parentheses, ORDER BY)
and evaluated as documented: texts without regard to case, times in the time zone of the account. A value or a field that does
not exist, and a query without a restriction, are errors (400). Comments come by 2, changes by 3, however many are asked for.

Accounts: anna@example.org (Pacific/Kiritimati, +14), bob@example.org (Etc/GMT+12, -12), token secret-1; bearer bearer-1.
Issue n of N (250): key SHOP-n, or OPS-n where n % 5 == 0; created n minutes after 2026-01-01T00:00:00.250Z, updated n * 7;
status by n % 4: To Do 10000, In Progress 3, Done 10001, and 10002 that is written DONE; n % 4 comments, n % 3 worklogs, n % 5
changes of two fields, n % 2 attachments, and n % 10 == 1 a link to n + 1.
"""
import argparse
import base64
import datetime
import http.server
import json
import re
import threading
import urllib.parse
import zoneinfo

EPOCH = datetime.datetime(2026, 1, 1, 0, 0, 0, 250000, tzinfo=datetime.timezone.utc)
STATUSES = [(10000, "To Do", "new"), (3, "In Progress", "indeterminate"), (10001, "Done", "done"), (10002, "DONE", "done")]
PROJECTS = {"SHOP": "10100", "OPS": "10101"}
ACCOUNTS = {"anna@example.org": "Pacific/Kiritimati", "bob@example.org": "Etc/GMT+12"}
PEOPLE = ["5b10:anna", "5b10:bob"]


def moment(minutes):
    return EPOCH + datetime.timedelta(minutes=minutes)


def written(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + "%03d+0000" % (time.microsecond // 1000)


def person(i):
    return {"accountId": PEOPLE[i % 2], "displayName": PEOPLE[i % 2][5:].title(), "active": True}


def document(text):
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]}


def make_issue(n, base):
    project = "OPS" if n % 5 == 0 else "SHOP"
    status = STATUSES[n % 4]
    fields = {
        "summary": "issue %d \u2013 \u017elut\u00e9" % n, "description": document("text %d" % n), "labels": ["l%d" % (n % 3)],
        "project": {"id": PROJECTS[project], "key": project, "name": project.title()},
        "issuetype": {"id": "1", "name": "Task"}, "priority": {"id": "2", "name": "High"}, "components": [], "fixVersions": [],
        "status": {"id": str(status[0]), "name": status[1], "statusCategory": {"key": status[2]}},
        "assignee": person(n) if n % 3 else None, "reporter": person(n + 1), "created": written(moment(n)),
        "updated": written(moment(n * 7)), "resolutiondate": written(moment(n * 7)) if n % 4 > 1 else None,
        "duedate": moment(n * 1440).strftime("%Y-%m-%d") if n % 2 else None, "customfield_10010": {"value": n},
        "attachment": [{"id": str(70000 + n), "filename": "file %d.txt" % n, "size": n, "mimeType": "text/plain",
                        "author": person(n), "created": written(moment(n)),
                        "content": base + "/rest/api/3/attachment/content/%d" % (70000 + n)}] * (n % 2),
        "issuelinks": [],
    }
    return {"id": str(20000 + n), "key": "%s-%d" % (project, n), "self": base + "/rest/api/3/issue/%d" % (20000 + n),
            "fields": fields}


def make_issues(count, base):
    issues = [make_issue(n, base) for n in range(1, count + 1)]
    for one, other in zip(issues, issues[1:]):
        if (int(one["id"]) - 20000) % 10 != 1:
            continue
        kind = {"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
        for issue, side, far in ((one, "outwardIssue", other), (other, "inwardIssue", one)):
            issue["fields"]["issuelinks"].append({"id": str(80000 + int(one["id"])), "type": kind,
                                                  side: {"id": far["id"], "key": far["key"]}})
    return issues


class Wrong(Exception):
    """What is answered with 400."""


CONTROLS = r'\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff'
TOKENS = re.compile(r'\s*(?:("(?:\\(?:[tnr"\'\\ ]|u[0-9a-fA-F]{4})|[^"\\' + CONTROLS + r'])*")'
                    r'|(>=|<=|!=|=|<|>|\(|\)|,)|([^\s"\'=!<>(),~\[\]|&{}*/%+^$#@?;\\]+))')
ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}


def tokens(jql):
    at, found = 0, []
    while jql[at:].strip():
        match = TOKENS.match(jql, at)
        if not match:
            raise Wrong("Error in the JQL Query: the character at %d is not understood." % at)
        if match.group(1) is not None:
            text = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", lambda m: chr(int(m.group(1)[1:], 16)) if m.group(1)[0] == "u" and
                          len(m.group(1)) == 5 else ESCAPES.get(m.group(1), m.group(1)), match.group(1)[1:-1])
            found.append(("text", text))
        else:
            found.append(("word", match.group(2) or match.group(3)))
        at = match.end()
    return found


class Query:
    """A JQL query: a function of an issue, and what the issues are ordered by."""

    def __init__(self, jql, issues, zone):
        self.rest = tokens(jql)
        self.issues = issues
        self.zone = zone
        self.restricted = False
        self.matches = self.conjunction() if self.rest and not self.is_word("ORDER") else lambda issue: True
        self.order = []
        if self.rest:
            for word in ("ORDER", "BY"):
                self.want(word)
            while self.rest:
                field = self.take()[1]
                down = self.is_word("DESC")
                if self.is_word("ASC") or down:
                    self.take()
                self.order.append((field, down))
                if self.rest:
                    self.want(",")
        if not self.restricted:
            raise Wrong("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")

    def is_word(self, word):
        return bool(self.rest) and self.rest[0][0] == "word" and self.rest[0][1].upper() == word

    def take(self):
        if not self.rest:
            raise Wrong("Error in the JQL Query: the query ends too early.")
        return self.rest.pop(0)

    def want(self, word):
        if not self.is_word(word):
            got = self.rest[0][1] if self.rest else "the end"
            raise Wrong("Error in the JQL Query: Expecting '%s' but got '%s'." % (word, got))
        self.take()

    def conjunction(self):
        parts = [self.clause()]
        while self.is_word("AND"):
            self.take()
            parts.append(self.clause())
        return lambda issue: all(part(issue) for part in parts)

    def clause(self):
        if self.is_word("("):
            self.take()
            inner = self.conjunction()
            self.want(")")
            return inner
        self.restricted = True
        field = self.take()[1].lower()
        op = self.take()[1].lower()
        if op == "is":
            negative = self.is_word("NOT")
            if negative:
                self.take()
            self.want("EMPTY")
            return lambda issue: (self.value(issue, field) in (None, [])) != negative
        values = []
        if op == "in":
            self.want("(")
            while not values or self.is_word(","):
                if values:
                    self.take()
                values.append(self.take())
            self.want(")")
            op = "="
        else:
            values.append(self.take())
        if field in ("created", "updated", "resolved", "due"):
            return self.time(field, op, values[0][1])
        if op != "=":
            raise Wrong("The operator '%s' is not supported by the '%s' field." % (op, field))
        return self.equal(field, values)

    def value(self, issue, field):
        name = {"attachments": "attachment", "resolved": "resolutiondate", "due": "duedate"}.get(field, field)
        if name not in issue["fields"]:
            raise Wrong("Field '%s' does not exist or you do not have permission to view it." % field)
        return issue["fields"][name]

    def names(self, issue, field):
        f = issue["fields"]
        if field in ("id", "key"):
            return [issue["id"], issue["key"]]
        if field in ("project", "status"):
            return [f[field]["id"], f[field].get("key", ""), f[field]["name"]]
        if field in ("assignee", "reporter"):
            return [f[field]["accountId"]] if f[field] else []
        raise Wrong("Field '%s' does not exist or you do not have permission to view it." % field)

    def equal(self, field, values):
        wanted = {text.lower() for kind, text in values}
        known = {name.lower() for issue in self.issues for name in self.names(issue, field)}
        for text in sorted(wanted - known - {str(s[0]) for s in STATUSES} - set(PEOPLE)):
            raise Wrong("The value '%s' does not exist for the field '%s'." % (text, field))
        return lambda issue: not wanted.isdisjoint(name.lower() for name in self.names(issue, field))

    def time(self, field, op, text):
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2})?", text):
            raise Wrong("Date value '%s' for field '%s' is invalid." % (text, field))
        bound = datetime.datetime.fromisoformat(text).replace(tzinfo=self.zone)

        def matches(issue):
            value = self.value(issue, field)
            if value is None:
                return False
            if field == "due":
                value = datetime.datetime.fromisoformat(value).replace(tzinfo=self.zone)
            else:
                value = datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z")
            return {">=": value >= bound, "<=": value <= bound, ">": value > bound, "<": value < bound}[op]
        return matches

    def run(self):
        found = [issue for issue in self.issues if self.matches(issue)]
        for field, down in reversed(self.order):
            found.sort(key=lambda issue: int(issue["id"]) if field == "key" else self.value(issue, field.lower()),
                       reverse=down)
        return found


def chosen_fields(issue, names):
    names = names or ["id"]
    chosen = {k: v for k, v in issue["fields"].items() if ("*all" in names or k in names) and "-" + k not in names}
    whole = {k: issue[k] for k in ("id", "key", "self")}
    return dict(whole, fields=chosen) if names != ["id"] else {"id": issue["id"]}


def page_of(values, params, name, limit):
    start, most = int(params.get("startAt", 0)), min(int(params.get("maxResults", limit)), limit)
    page = {"startAt": start, "maxResults": most, "total": len(values), name: values[start:start + most]}
    if name == "values":
        page["isLast"] = start + most >= len(values)
    return page


class Jira(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def log_message(self, *args):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def zone(self):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer" and value == "bearer-1":
            return "Etc/UTC"
        if kind == "Basic":
            email, _, token = base64.b64decode(value).decode().partition(":")
            return ACCOUNTS.get(email) if token == "secret-1" else None
        return None

    def search(self, params, zone):
        with self.server.lock, open(self.server.folder + "jql", "a", encoding="utf-8") as log:
            log.write(json.dumps([params.get("jql"), params.get("maxResults")], ensure_ascii=False) + "\n")
        found = Query(params.get("jql", ""), self.server.issues, zone).run()
        names = [name for name in params.get("fields", "").split(",") if name]
        start = int(base64.b64decode(params["nextPageToken"])) if "nextPageToken" in params else 0
        end = start + min(int(params.get("maxResults", 50)), 100)
        page = {"issues": [chosen_fields(issue, names) for issue in found[start:end]], "isLast": end >= len(found)}
        if not page["isLast"]:
            page["nextPageToken"] = base64.b64encode(str(end).encode()).decode()
        return page

    def of_issue(self, word, what, params):
        issue = next((i for i in self.server.issues if word in (i["id"], i["key"])), None)
        if not issue:
            return None
        n, base = int(issue["id"]) - 20000, int(issue["id"]) * 100
        if what == "comment":
            return page_of([{"id": str(base + i), "author": person(i), "body": document("comment %d" % i),
                             "created": written(moment(n + i)), "updated": written(moment(n + i))}
                            for i in range(n % 4)], params, "comments", 2)
        if what == "worklog":
            return page_of([{"id": str(base + i), "issueId": issue["id"], "author": person(i), "timeSpentSeconds": 60 * i,
                             "started": written(moment(i))} for i in range(n % 3)], params, "worklogs", 5000)
        if what == "changelog":
            item = {"field": "status", "fieldtype": "jira", "fieldId": "status", "from": "10000", "fromString": "To Do",
                    "to": "3", "toString": "In Progress"}
            return page_of([{"id": str(base + i), "author": person(i), "created": written(moment(n + i)),
                             "items": [item, dict(item, field="rank", fieldId="rank")]}
                            for i in range(n % 5)], params, "values", 3)
        return issue if what == "" else None

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        params = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        zone = self.zone()
        path = url.path.removeprefix("/rest/api/3/")
        if path == "serverInfo":
            return self.answer(200, {"version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud"})
        if zone is None:
            return self.answer(401, {"errorMessages": ["You are not authenticated."], "errors": {}})
        try:
            match = re.fullmatch(r"issue/([^/]+)(?:/(\w+))?", path)
            if path == "search/jql":
                return self.answer(200, self.search(params, zoneinfo.ZoneInfo(zone)))
            if path == "project/search":
                return self.answer(200, page_of([{"id": i, "key": k, "name": k.title(), "projectTypeKey": "software"}
                                                 for k, i in PROJECTS.items()], params, "values", 50))
            if path == "field":
                return self.answer(200, [{"id": name, "name": name.title(), "clauseNames": [name]}
                                         for name in self.server.issues[0]["fields"]])
            if path == "status":
                return self.answer(200, [{"id": str(s[0]), "name": s[1], "statusCategory": {"key": s[2]}} for s in STATUSES])
            if path == "myself":
                return self.answer(200, dict(person(0), emailAddress="anna@example.org", timeZone=zone))
            value = self.of_issue(match.group(1), match.group(2) or "", params) if match else None
            if value is not None:
                return self.answer(200, value)
            return self.answer(404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."],
                                     "errors": {}})
        except Wrong as wrong:
            return self.answer(400, {"errorMessages": [str(wrong)], "errors": {}})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--issues", type=int, default=250)
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Jira)
    server.folder, server.lock = options.folder, threading.Lock()
    server.issues = make_issues(options.issues, "http://localhost:%d" % server.server_port)
    with open(options.folder + "port", "w") as file:
        file.write(str(server.server_port))
    server.serve_forever()


main()
