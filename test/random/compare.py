#!/usr/bin/env python3
"""compare.py: runs random queries on local and on foreign tables for a time; the local ones are the judge.

usage: compare.py SOURCE SETTING DATABASE SEED SECONDS [QUERY]; prints TAP without a plan. With a query's number, that one
alone is shown as it is and as it was cut down.
"""

import os
import subprocess
import sys
import time

from queries import Queries

END_OF_ROWS = '== end of rows\n'
END = '== end of statement:'
TIMEOUT_MS = 2000
# Why the two sides may differ and both be right: of the source, the statement, and both SQLSTATEs.
ALLOWED = [
    # too long for one of them
    lambda source, statement, near, far: '57014' in (near, far),
]


class Session:
    """psql, with the results and the SQLSTATE of each statement."""

    def __init__(self, database, side):
        options = '-c search_path=%s,public -c statement_timeout=%d -c jit=off -c client_min_messages=error' % (side, TIMEOUT_MS)
        if database.endswith('_case'):
            options += ' -c timezone=Europe/Berlin'
        self.command = [os.environ['CK_BIN'] + '/psql', '-X', '-q', '-A', '-t', '-P', 'null=NULL', '-h', os.environ['CK_PGHOST'],
                        '-p', os.environ['CK_PGPORT'], '-U', 'postgres', '-d', database]
        self.environment = dict(os.environ, PGOPTIONS=options)
        self.start()

    def start(self):
        self.psql = subprocess.Popen(self.command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, encoding='utf-8', errors='surrogateescape')

    def send(self, statements):
        for statement in statements:
            self.psql.stdin.write('%s;\n\\echo %s\\echo :LAST_ERROR_MESSAGE\n\\echo %s :SQLSTATE\n' % (statement, END_OF_ROWS, END))
        try:
            self.psql.stdin.flush()
        except BrokenPipeError:
            pass

    def results(self, count):
        """For each statement its SQLSTATE, its rows, and the message of an error."""
        results = []
        rows = []
        while len(results) < count:
            line = self.psql.stdout.readline()
            if line == '':
                self.psql.wait()
                self.start()
                return results + [('lost', [], 'the session was lost')] * (count - len(results))
            if line.startswith(END):
                state = line[len(END) + 1:].strip()
                at = len(rows) - 1 - rows[::-1].index(END_OF_ROWS)
                message = '' if state == '00000' else ' '.join(''.join(rows[at + 1:]).split())
                results.append((state, rows[:at], message))
                rows = []
            else:
                rows.append(line)
        return results


class Comparison:
    def __init__(self, source, database):
        self.source = source
        self.near = Session(database, 'near')
        self.far = Session(database, 'far')
        self.skipped = self.failed = 0

    def difference(self, query):
        """What differs, or None."""
        statements = Queries.statements(query)
        all_text = ' '.join(statements)
        self.near.send(statements)
        self.far.send(statements)
        near, far = self.near.results(len(statements)), self.far.results(len(statements))
        if near[-1][0] != '00000' or far[-1][0] != '00000':
            for session in (self.near, self.far):
                session.send(['DEALLOCATE ALL', 'RESET ALL'])
                session.results(2)
        self.failed += any(state[:2] == '42' for state, _, _ in near)
        for statement, (state, rows, message), (far_state, far_rows, far_message) in zip(statements, near, far):
            if state != far_state and any(allowed(self.source, all_text, state, far_state) for allowed in ALLOWED):
                self.skipped += 1
                return None
            if (state == '00000') != (far_state == '00000') or state[:2] != far_state[:2] and far_state[:2] != 'HV':
                return '%s: expected %s %s, found %s %s' % (statement, state, message, far_state, far_message)
            if state != '00000':
                continue
            if not Queries.in_order(query):
                rows, far_rows = sorted(rows), sorted(far_rows)
            if rows != far_rows:
                i = next((i for i, (a, b) in enumerate(zip(rows, far_rows)) if a != b), min(len(rows), len(far_rows)))
                return '%s: %d and %d rows, first different: %s and %s' % (
                    statement, len(rows), len(far_rows), rows[i:i + 1], far_rows[i:i + 1])
        return None

    def cut_down(self, query, found):
        """The smallest query that still shows a difference, and what differs there."""
        end = time.time() + 60
        progress = True
        while progress and time.time() < end:
            progress = False
            for smaller in Queries.smaller(query):
                difference = self.difference(smaller)
                if difference:
                    query, found, progress = smaller, difference, True
                    break
        return query, found


def comment(text):
    print('\n'.join('#   ' + line[:1500] for line in text.split('\n')))


def main():
    source, setting, database, seed, seconds = sys.argv[1:6]
    only = int(sys.argv[6]) if len(sys.argv) > 6 else None
    queries = Queries('%s %s %s' % (seed, source, setting), source)
    comparison = Comparison(source, database)
    begin = time.time()
    count = differences = 0
    while time.time() < begin + float(seconds) or only:
        query = queries.next()
        count += 1
        if only and count < only:
            continue
        found = comparison.difference(query)
        if only:
            comment(';\n'.join(Queries.statements(query)) + ';')
        if found:
            smallest, found = comparison.cut_down(query, found)
            differences += 1
            print('not ok - random %s %s: query %d of seed %s' % (source, setting, count, seed))
            comment(';\n'.join(Queries.statements(smallest)) + ';')
            comment(found)
            sys.stdout.flush()
            if differences >= int(os.environ.get('CK_RANDOM_MOST', 5)):
                break
        if only:
            break
    name = 'random %s %s: %d queries of seed %s, %d differences' % (source, setting, count, seed, differences)
    print('%sok - %s # %d not counted, %d not valid' % ('not ' if differences else '', name, comparison.skipped, comparison.failed))
    sys.stdout.flush()


main()
