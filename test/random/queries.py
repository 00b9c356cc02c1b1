#!/usr/bin/env python3
"""queries.py: random queries of the differential suite's tables, from a seed; see run.sh.

A query is made of lists, so that one that shows a difference can be cut down. Only queries whose answer is determined are
made: rows under LIMIT are in a total order, sums are of exact numbers, what groups has one way to be written, and an
expression that may fail stands alone. Conditions that no row order or plan decides over never raise an error.
"""

import os
import random
import re

# Columns by table: name, class of type. small: whole numbers that can be added to without overflow.
TABLES = {
    't': [('id', 'small'), ('i2', 'small'), ('i4', 'int'), ('i8', 'int'), ('u8', 'num'), ('n', 'num'), ('m', 'num'), ('f4', 'float'),
          ('f8', 'float'), ('b', 'bool'), ('s', 'text'), ('x', 'text'), ('xc', 'text'), ('c', 'char'), ('d', 'date'), ('tm', 'time'),
          ('ts', 'stamp'), ('tz', 'zoned'), ('y', 'bytes'), ('j', 'json')],
    'u': [('id', 'small'), ('t_id', 'small'), ('k8', 'int'), ('ks', 'text'), ('kc', 'text'), ('kn', 'num'), ('kd', 'date'),
          ('kz', 'zoned'), ('amount', 'num'), ('note', 'text')],
    'v': [('id', 'small'), ('wide', 'int'), ('shown', 'text'), ('digits', 'small'), ('narrow', 'float'), ('day', 'date'),
          ('"Odd ""`Name"', 'small'), ('flag', 'bool'), ('amount', 'num'), ('fixed', 'char')],
    'words': [('id', 'small'), ('w', 'text'), ('wt', 'text'), ('wc', 'text'), ('wf', 'folded')],
    'q': [('id', 'small'), ('label', 'text'), ('twice', 'small'), ('day', 'date')],
    'here': [('id', 'small'), ('k4', 'int'), ('k8', 'int'), ('ks', 'text'), ('kc', 'text'), ('kn', 'num'), ('kf', 'float'),
             ('kd', 'date'), ('kz', 'zoned')],
    'many': [('id', 'small'), ('k4', 'small'), ('k8', 'int'), ('ks', 'text'), ('kn', 'num'), ('kf', 'float'), ('kd', 'date'),
             ('kt', 'stamp'), ('kz', 'zoned'), ('km', 'time')],
}
REMOTE = ['t', 't', 't', 'u', 'u', 'v', 'words', 'q']
# Classes that equal values are written alike of, so that groups and sets are determined.
GROUPED = ('small', 'int', 'bool', 'text', 'char', 'date', 'time', 'stamp', 'zoned', 'bytes')
TYPES = {'small': 'int', 'int': 'bigint', 'num': 'numeric', 'float': 'float8', 'bool': 'boolean', 'text': 'text', 'char': 'bpchar',
         'date': 'date', 'time': 'time', 'stamp': 'timestamp', 'zoned': 'timestamptz', 'bytes': 'bytea', 'json': 'jsonb',
         'folded': 'text'}
VALUES = {
    'small': ['0', '1', '-1', '2', '3', '7', '42', '100', '-100', '450', '10'],
    'int': ['0', '1', '-1', '3', '42', '43', '1000000', '2147483647', '-2147483648', '9007199254740993', '9223372036854775807'],
    'num': ['0', '0.1', '-0.1', '1', '2.5', '19.99', '20', '42', '0.30', '9007199254740993', '12345678901234567890.123456789012', '1e30'],
    'float': ['0', '0.1', '0.5', '1.5', '-1.5', '1e22', '1e308', "'Infinity'", "'NaN'", '16777216'],
    'bool': ['true', 'false'],
    'text': ["''", "' '", "'a'", "'A'", "'abc'", "'ABC'", "'abc '", "'é'", "'e'", "'É'", "'ß'", "'ss'", "'%'", "'_'", "'\\'", "''''",
             "'😀'", "'z'", "'7'", "'co-op'", "'ı'"],
    'char': ["'a'", "'A'", "'abc'", "'abc  '", "''", "'é'", "'a b'", "'7'"],
    'date': ["'2024-02-29'", "'0001-01-01'", "'1970-01-01'", "'9999-12-31'", "'infinity'", "'2024-01-01'", "'1582-10-10'"],
    'time': ["'00:00'", "'12:00'", "'24:00'", "'12:34:56.789'", "'23:59:59.999999'"],
    'stamp': ["'2024-02-29'", "'2024-02-29 12:34:56.789012'", "'1970-01-01'", "'9999-12-31 23:59:59.999999'", "'-infinity'",
              "'2024-10-27 02:30'"],
    'zoned': ["'2024-03-31 01:00Z'", "'2024-10-27 00:30Z'", "'1970-01-01 00:00:01Z'", "'2024-02-29 00:00+05:30'", "'infinity'"],
    'bytes': ["''", "'\\x00'", "'\\x61'", "'\\xff'", "'\\x2720'"],
    'json': ["'{}'", "'{\"a\": 1}'", "'null'", "'[]'", "'100'"],
}
VALUES['folded'] = VALUES['text']
PATTERNS = ["'a%'", "'%c'", "'A_c'", "'%b%'", "'\\%'", "'_'", "'%\\\\%'", "'%é%'", "'😀%'", "''", "'%'", "'% '", "'a\\_c'"]
SETTINGS = ['enable_hashjoin = off', 'enable_mergejoin = off', 'enable_nestloop = off', 'enable_sort = off', 'enable_hashagg = off',
            'enable_material = off', 'enable_memoize = off', 'enable_incremental_sort = off', "work_mem = '64kB'",
            'join_collapse_limit = 1', 'from_collapse_limit = 1', 'connkit.enable_lookup_join = off', "timezone = 'America/New_York'",
            'enable_partitionwise_aggregate = on', 'enable_partitionwise_join = on', 'geqo_threshold = 2']
FAILING = ['100 / i4', 'i2 / i2', 'i4 + 1', 'i4 * 2', 'abs(i4)', '-i4', 'i8 + 1', 'i2 + i2', 'i8 * i8', 'n::int', 's::int', 's::date',
           'f8 * 1e300', 'm / (m - m)', 'f8::real', 'i4::smallint', 'i4 % i2', 'sqrt(n)', 'd + 2147483647', '2 ^ i4', 'f8::int', 'x::boolean']


class Queries:
    """A stream of queries: the same for the same seed."""

    def __init__(self, seed, source):
        self.r = random.Random(seed)
        self.source = source
        self.names = 0

    def chance(self, probability):
        return self.r.random() < probability

    def pick(self, values):
        return self.r.choice(values)

    # values and expressions

    def value(self, kind, parameters):
        """A constant, or in a prepared statement perhaps a parameter: {n}, with values for its executions."""
        if parameters is None or self.chance(0.5):
            text = self.pick(VALUES[kind])
            return text if kind in ('small', 'int', 'num', 'bool') else '%s::%s' % (text, TYPES[kind])
        values = [self.pick(VALUES[kind] + ['NULL']) for _ in range(7)]
        parameters.append((TYPES[kind], values))
        return '{%d}' % (len(parameters) - 1)

    def column(self, scope, kinds):
        """A column of one of the classes, or None."""
        found = [(alias + '.' + name, kind) for alias, columns in scope.items() for name, kind in columns if kind in kinds]
        return self.pick(found) if found else (None, None)

    def expression(self, scope, kind, depth, p):
        """An expression of a class that never fails; the class's columns and what is made of them."""
        kinds = ('small', 'int') if kind == 'int' else (kind,)
        column, own = self.column(scope, kinds)
        small, _ = self.column(scope, ('small',))
        text, _ = self.column(scope, ('text',))
        if column is None or depth <= 0 or self.chance(0.6):
            return column or self.value(kind, p)
        again = lambda k=kind: self.expression(scope, k, depth - 1, p)
        common = ['coalesce(%s, %s)' % (column, self.value(kind, p)), 'nullif(%s, %s)' % (column, self.value(kind, p)),
                  'CASE WHEN %s THEN %s ELSE %s END' % (self.text(self.condition(scope, depth - 1, p)), column, again())]
        if kind == 'small':
            common += ['%s::int + %s' % (column, self.pick(['1', '3', '-2'])), '%s %% %s' % (column, self.pick(['2', '5', '7'])),
                       '%s / %s' % (column, self.pick(['2', '3'])), 'abs(%s::int)' % column, '-(%s::int)' % column,
                       '%s::int * 2' % column]
            if text:
                common += ['length(%s)' % text, 'ascii(%s)' % text, "strpos(%s, 'a')" % text]
        elif kind == 'int':
            common += ['%s / 10' % column, '%s %% 10' % column, '%s::bigint / 3' % column, '%s::bigint %% 100 - 1' % column]
        elif kind == 'num':
            common += ['%s + 1' % column, '%s * 1.5' % column, 'abs(%s)' % column, 'round(%s, 1)' % column, '-%s' % column,
                       '%s - 0.1' % column, 'trunc(%s)' % column, 'ceil(%s)' % column]
        elif kind == 'text':
            common += ['lower(%s)' % column, 'upper(%s)' % column, "%s || 'c'" % column, '%s || %s' % (column, again()),
                       'left(%s, 2)' % column, 'right(%s, 1)' % column, 'substr(%s, 2, 2)' % column, "replace(%s, 'a', 'b')" % column,
                       'trim(%s)' % column, 'reverse(%s)' % column, "concat(%s, 'x')" % column]
            if small:
                common += ['%s::text' % small]
        elif kind == 'char':
            common = [column]
        elif kind == 'date':
            stamp, _ = self.column(scope, ('stamp',))
            common += ['%s::date' % stamp] if stamp else []
        elif kind == 'stamp':
            common += ["date_trunc('day', %s)" % column]
        elif kind == 'zoned':
            common += ["date_trunc('hour', %s)" % column]
        elif kind == 'bool':
            common += ['NOT %s' % column, '(%s)' % self.text(self.condition(scope, depth - 1, p)), '%s IS NULL' % column]
        elif kind == 'folded':
            common = [column]
        return self.pick(common)

    def comparable(self, scope, depth, p):
        """Two expressions that can be compared."""
        kind = self.pick(['small', 'small', 'int', 'int', 'num', 'float', 'text', 'text', 'text', 'char', 'date', 'time', 'stamp', 'zoned',
                          'bytes', 'json', 'bool', 'folded'])
        other = kind
        if self.column(scope, (kind,))[0] is None:
            kind = other = 'small'
        if kind in ('small', 'int', 'num', 'float') and self.chance(0.3):
            other = self.pick(['small', 'int', 'num'] + ['float'] * (self.source != 'sqlite'))
        elif kind in ('date', 'stamp', 'zoned') and self.chance(0.2):
            other = self.pick(['date', 'stamp', 'zoned'])
        left = self.expression(scope, kind, depth, p)
        right = self.value(other, p) if self.chance(0.6) else self.expression(scope, other, depth, p)
        return kind, left, right

    # conditions: a text, or a list of AND, OR or NOT and conditions

    def condition(self, scope, depth, p):
        if depth > 0 and self.chance(0.25):
            word = self.pick(['AND', 'OR', 'OR', 'NOT'])
            return [word] + [self.condition(scope, depth - 1, p) for _ in range(1 if word == 'NOT' else self.pick([2, 2, 3]))]
        if depth > 1 and self.chance(0.15):
            return self.subquery_condition(scope, depth - 1, p)
        kind, left, right = self.comparable(scope, depth - 1, p)
        roll = self.r.random()
        if kind == 'bool' and roll < 0.7:
            return self.pick(['%s', 'NOT (%s)', '(%s) IS TRUE', '(%s) IS NOT TRUE', '(%s) IS FALSE', '(%s) IS UNKNOWN']) % left
        if kind in ('text', 'char') and roll < 0.2:
            return '%s %s %s' % (left, self.pick(['LIKE', 'LIKE', 'NOT LIKE', 'ILIKE']), self.pick(PATTERNS))
        if roll < 0.3:
            return '%s IS %sNULL' % (left, self.pick(['', 'NOT ']))
        if roll < 0.38:
            return '%s IS %sDISTINCT FROM %s' % (left, self.pick(['', 'NOT ']), right)
        if roll < 0.5:
            values = ', '.join(self.value(kind, p) for _ in range(self.pick([1, 2, 3, 5])))
            return '%s %s (%s)' % (left, self.pick(['IN', 'IN', 'NOT IN']), values)
        if roll < 0.56:
            return '%s %sBETWEEN %s AND %s' % (left, self.pick(['', 'NOT ']), self.value(kind, p), self.value(kind, p))
        if roll < 0.6 and kind != 'json':
            other, a, b = self.comparable(scope, 0, p)
            return '(%s, %s) %s (%s, %s)' % (left, a, self.pick(['=', '<', '>=', '<>']), right, b)
        if kind in ('text', 'folded') and self.chance(0.3):
            left = '(%s) COLLATE "C"' % left
        return '%s %s %s' % (left, self.pick(['=', '=', '=', '<', '>', '<=', '>=', '<>']), right)

    def subquery_condition(self, scope, depth, p):
        alias = self.alias()
        table = self.pick(REMOTE)
        inner = {alias: TABLES[table]}
        both = dict(scope)
        both.update(inner)
        column, kind = self.column(inner, ('small', 'int', 'num', 'text', 'date'))
        where = [self.condition(inner, depth - 1, p)] if self.chance(0.5) else []
        if self.chance(0.6):
            outer = self.column(scope, (kind,))[0] or self.column(scope, ('small',))[0]
            if outer and (kind in ('small', 'int', 'num') or self.column(scope, (kind,))[0]):
                where.append('%s = %s' % (column, outer))
        if self.chance(0.3):
            where.append(self.condition(both, 0, p))
        body = 'FROM %s AS %s%s' % (table, alias, ' WHERE ' + ' AND '.join('(%s)' % self.text(c) for c in where) if where else '')
        roll = self.r.random()
        if roll < 0.45:
            return '%sEXISTS (SELECT 1 %s)' % (self.pick(['', 'NOT ']), body)
        column, kind = self.column(inner, ('small', 'int', 'text'))
        left = self.expression(scope, 'text' if kind == 'text' else 'int', depth - 1, p)
        if roll < 0.75:
            return '%s %sIN (SELECT %s %s)' % (left, self.pick(['', '', 'NOT ']), column, body)
        if roll < 0.85:
            return '%s %s %s (SELECT %s %s)' % (left, self.pick(['<', '>', '=', '<>']), self.pick(['ANY', 'ALL']), column, body)
        return '%s %s (SELECT %s %s)' % (left, self.pick(['=', '<', '>']), self.aggregate_of(column, kind), body)

    def aggregate_of(self, column, kind):
        if kind == 'text':
            return '%s(%s COLLATE "C")' % (self.pick(['min', 'max']), column)
        return '%s(%s)' % (self.pick(['min', 'max', 'count']), column)

    @classmethod
    def text(cls, condition):
        if isinstance(condition, str):
            return condition
        if condition[0] == 'NOT':
            return 'NOT (%s)' % cls.text(condition[1])
        return (' %s ' % condition[0]).join('(%s)' % cls.text(c) for c in condition[1:])

    # tables and joins: {'table', 'alias'} or {'join', 'left', 'right', 'on'}

    def alias(self):
        self.names += 1
        return 'a%d' % self.names

    def item(self, p, local, bounded):
        table = self.pick(REMOTE + ['here', 'many'] * local)
        alias = self.alias()
        columns = TABLES[table]
        if bounded or table == 'many' and self.chance(0.7):
            bound = '(SELECT * FROM %s WHERE id < %d)' % (table, self.pick([10, 30, 60, 120]))
            return {'table': bound, 'plain': table, 'alias': alias}, {alias: columns}
        if self.chance(0.75):
            return {'table': table, 'alias': alias}, {alias: columns}
        if self.chance(0.5):
            return self.derived_item(table, alias, p)
        # a sub-select, with expressions that an outer join may make NULL
        inner = self.alias()
        scope = {inner: columns}
        kind = self.pick(['small', 'text', 'bool', 'num'])
        kept = [columns[0]] + [c for c in columns[1:] if self.chance(0.5)]
        made = [('e1', kind), ('e2', 'text')]
        text = 'SELECT %s, %s AS e1, %s::text AS e2 FROM %s AS %s' % (
            ', '.join('%s.%s' % (inner, c[0]) for c in kept), self.expression(scope, kind, 2, p), self.pick(["'x'", "''"]), table, inner)
        if self.chance(0.5):
            text += ' WHERE ' + self.text(self.condition(scope, 1, p))
        if self.chance(0.25):
            text += ' ORDER BY %s.id%s LIMIT %d' % (inner, self.pick(['', ' DESC']), self.pick([5, 40, 100]))
        return {'table': '(%s)' % text, 'plain': table, 'alias': alias}, {alias: kept + made}

    def derived_item(self, table, alias, p):
        """A sub-query with groups, DISTINCT or a window function, which stays one. Its id is unique, or NULL once."""
        inner = self.alias()
        scope = {inner: TABLES[table]}
        where = ' WHERE ' + self.text(self.condition(scope, 1, p)) if self.chance(0.4) else ''
        body = 'FROM %s AS %s%s' % (table, inner, where)
        small, _ = self.column(scope, ('small',))
        key, kind = self.column(scope, GROUPED)
        roll = self.r.random()
        if roll < 0.15:
            text, columns = 'SELECT DISTINCT %s AS id %s' % (small, body), [('id', 'small')]
        elif roll < 0.35:
            over = self.pick(['row_number()', 'rank()', 'count(*)', 'sum(%s)' % small])
            text = 'SELECT %s.id, %s AS k1, %s OVER (PARTITION BY %s ORDER BY %s.id) AS n1 %s' % (inner, key, over, key, inner, body)
            columns = [('id', 'small'), ('k1', kind), ('n1', 'int')]
        else:
            made = [self.derived_aggregate(scope) for _ in range(self.pick([0, 1, 1, 2, 3]))]
            text = 'SELECT min(%s.id) AS id, %s AS k1%s %s GROUP BY %s' % (
                inner, key, ''.join(', %s AS n%d' % (e, i) for i, (e, _) in enumerate(made)), body, key)
            columns = [('id', 'small'), ('k1', kind)] + [('n%d' % i, k) for i, (_, k) in enumerate(made)]
            if self.chance(0.3):
                text += ' HAVING count(*) %s' % self.pick(['> 1', '= 1', '< 5'])
        if self.chance(0.2):
            text += ' ORDER BY 1%s LIMIT %d%s' % (self.pick(['', ' DESC', ' NULLS FIRST']), self.pick([3, 20, 100]), self.pick(['', ' OFFSET 2']))
        return {'table': '(%s)' % text, 'plain': table, 'alias': alias}, {alias: columns}

    def derived_aggregate(self, scope):
        """An aggregate, perhaps in an expression that an outer join may make NULL, and its class."""
        column, kind = self.column(scope, ('small', 'int', 'num', 'date', 'zoned'))
        small, _ = self.column(scope, ('small',))
        return self.pick([('count(*)', 'int'), ('count(%s)' % column, 'int'), ('%s(%s)' % (self.pick(['min', 'max']), column), kind),
                          ('sum(%s)' % small, 'int'), ('avg(%s)' % small, 'num'), ('count(*) * 2', 'int'),
                          ('coalesce(sum(%s), 0)' % small, 'int'), ('count(*) > 1', 'bool'), ('7', 'int'), ("'x'::text", 'text')])

    def on(self, left, right, kind, p):
        both = dict(left)
        both.update(right)
        conditions = []
        for _ in range(self.pick([1, 1, 1, 2])):
            column, own = self.column(right, ('small', 'small', 'int', 'num', 'text', 'date', 'char', 'zoned', 'folded', 'float'))
            kinds = (own,) if own not in ('small', 'int', 'num') else ('small', 'int', 'num')
            other, _ = self.column(left, kinds)
            if other is None or own == 'float' and self.source == 'sqlite':
                column, other = self.column(right, ('small',))[0], self.column(left, ('small',))[0]
            conditions.append('%s = %s' % (other, column) if self.chance(0.5) else '%s = %s' % (column, other))
        if self.chance(0.3):
            conditions.append(self.condition(both, 2, p))
        if kind == 'LEFT' and self.chance(0.2):
            conditions.append(self.condition(self.pick([left, right]), 1, p))
        return conditions

    def join(self, count, p, local, bounded):
        if count == 1:
            return self.item(p, local, self.chance(bounded))
        split = count - 1 if count < 3 or self.chance(0.7) else self.r.randint(1, count - 1)
        left, left_scope = self.join(split, p, local, bounded)
        right, right_scope = self.join(count - split, p, local, bounded)
        kind = self.pick(['INNER', 'INNER', 'LEFT', 'LEFT', 'RIGHT', 'FULL'])
        on = self.on(left_scope, right_scope, kind, p)
        scope = dict(left_scope)
        scope.update(right_scope)
        return {'join': kind, 'left': left, 'right': right, 'on': on}, scope

    # whole queries

    def target(self, scope, p):
        kind = self.pick(['small', 'int', 'num', 'float', 'bool', 'text', 'text', 'char', 'date', 'time', 'stamp', 'zoned', 'bytes', 'json'])
        if self.column(scope, (kind,))[0] is None:
            kind = 'small'
        text = self.expression(scope, kind, 2, p)
        return 'md5(%s)' % text if kind in ('text', 'bytes') and ('.x' in text or '.y' in text) else text

    def group_key(self, scope, p):
        column, kind = self.column(scope, GROUPED)
        if kind in ('small', 'bool', 'text') and self.chance(0.3):
            return self.expression(scope, kind, 2, None)
        return column if kind not in ('text', 'bytes') or not column.endswith(('.x', '.y')) else 'md5(%s)' % column

    def aggregate(self, scope, p):
        column, kind = self.column(scope, ('small', 'int', 'num', 'bool', 'text', 'date', 'stamp', 'zoned', 'time', 'float', 'char'))
        choices = ['count(*)', 'count(%s)' % column]
        if kind in GROUPED and kind != 'bool' or kind == 'num':
            choices += ['min(%s)' % column, 'max(%s)' % column] if not column.endswith('.x') else []
        if kind not in ('float',):
            choices += ['count(DISTINCT %s)' % column]
        if kind in ('small', 'int', 'num'):
            choices += ['sum(%s)' % column, 'avg(%s)' % column, 'sum(DISTINCT %s)' % column, 'sum(%s)' % self.expression(scope, 'small', 1, p)]
        if kind == 'bool':
            choices += ['bool_and(%s)' % column, 'bool_or(%s)' % column]
        ids = ', '.join('%s.id' % alias for alias in scope)
        if kind == 'text' and not column.endswith('.x'):
            other, _ = self.column(scope, GROUPED)
            order = self.orders(['%s' % other if other.endswith('.xc') or not self.is_text(scope, other) else other + ' COLLATE "C"'])[0]
            direction = self.orders([''])[0]
            choices += ['string_agg(%s, \',\' ORDER BY %s COLLATE "C", %s)' % (column, column, ids), 'array_agg(%s ORDER BY %s)' % (column, ids),
                        'max(%s COLLATE "C")' % column, 'string_agg(%s, %s ORDER BY %s, %s)' % (column, self.pick(VALUES['text']), order, ids),
                        'string_agg(DISTINCT %s COLLATE "C", %s ORDER BY %s COLLATE "C"%s)' % (column, self.pick(["','", "''"]), column,
                                                                                         direction),
                        'jsonb_agg(%s ORDER BY %s)' % (column, ids)]
        if kind in ('small', 'int'):
            choices += ['bit_and(%s)' % column, 'bit_or(%s)' % column, 'string_agg(%s::text, \'+\' ORDER BY %s, %s)' % (column, column, ids)]
        if kind in ('small', 'int', 'bool', 'date', 'stamp', 'time'):
            choices += ['array_agg(DISTINCT %s)' % column, 'array_agg(%s ORDER BY %s)' % (column, ids),
                        'percentile_disc(0.5) WITHIN GROUP (ORDER BY %s)' % column, 'mode() WITHIN GROUP (ORDER BY %s)' % column]
        text = self.pick(choices)
        if self.chance(0.2):
            text += ' FILTER (WHERE %s)' % self.text(self.condition(scope, 1, p))
        return text

    @staticmethod
    def is_text(scope, column):
        alias, name = column.split('.', 1)
        return dict(scope[alias])[name] in ('text', 'char', 'folded')

    def sort_keys(self, scope):
        """Columns to sort a window's rows by, which need not tell all of them apart."""
        keys = []
        for _ in range(self.pick([1, 1, 2])):
            kinds = ('small', 'int', 'text', 'date', 'stamp') if self.chance(0.6) else ('num', 'float', 'bool', 'time', 'zoned', 'text', 'small')
            column, kind = self.column(scope, kinds)
            keys.append(column + ' COLLATE "C"' if kind == 'text' and self.chance(0.7) else column)
        return self.orders(keys)

    def frame(self):
        begin = self.pick(['UNBOUNDED PRECEDING', 'UNBOUNDED PRECEDING', 'CURRENT ROW', '0 PRECEDING', '1 PRECEDING', '3 PRECEDING',
                           '2 FOLLOWING'])
        ends = ['CURRENT ROW', '2 FOLLOWING', 'UNBOUNDED FOLLOWING']
        if begin.endswith('PRECEDING'):
            ends += ['1 PRECEDING', '2 PRECEDING']
        if begin == '2 FOLLOWING':
            ends = ['1 FOLLOWING', '2 FOLLOWING', '5 FOLLOWING', 'UNBOUNDED FOLLOWING']
        exclude = self.pick([' EXCLUDE CURRENT ROW', ' EXCLUDE GROUP', ' EXCLUDE TIES', ' EXCLUDE NO OTHERS']) if self.chance(0.15) else ''
        return ' %s BETWEEN %s AND %s%s' % (self.pick(['ROWS', 'ROWS', 'GROUPS', 'RANGE']), begin, self.pick(ends), exclude)

    def window_function(self, scope, p):
        """A function; whether it sees the order of rows that a window's order takes for equal; whether it has a frame."""
        small, _ = self.column(scope, ('small',))
        column, kind = self.column(scope, ('small', 'int', 'num', 'float', 'bool', 'text', 'text', 'char', 'date', 'time', 'stamp', 'zoned', 'bytes'))
        roll = self.r.random()
        if roll < 0.25:
            return self.pick(['rank()', 'rank()', 'dense_rank()', 'percent_rank()', 'cume_dist()']), False, False
        if roll < 0.4:
            return self.pick(['row_number()', 'row_number()', 'ntile(%d)' % self.pick([1, 3, 7, 1000])]), True, False
        if roll < 0.55:
            text = self.pick(['lag(%s)', 'lead(%s)', 'lag(%s, 2)', 'lead(%s, 3)', 'lag(%s, 0)']) % column
            if self.chance(0.15):
                text = 'lead(%s, 1, %s)' % (small, self.pick(['77', small]))
        elif roll < 0.7:
            text = self.pick(['first_value(%s)', 'last_value(%s)', 'nth_value(%s, 2)']) % column
        else:
            text = self.pick(['count(*)', 'count(%s)' % column, 'sum(%s)' % small, 'avg(%s)' % small, 'min(%s)' % small, 'max(%s)' % small])
            if kind in ('int', 'num', 'date', 'time', 'stamp', 'zoned') and self.chance(0.5):
                text = self.pick(['min(%s)', 'max(%s)']) % column
            elif kind in ('int', 'num') and self.chance(0.5):
                text = self.pick(['sum(%s)', 'avg(%s)']) % column
            elif kind == 'bool' and self.chance(0.5):
                text = self.pick(['bool_and(%s)', 'bool_or(%s)']) % column
            elif kind == 'text' and self.chance(0.5):
                text = self.pick(['min(%s COLLATE "C")', 'max(%s COLLATE "C")']) % column
            if self.chance(0.2):
                text += ' FILTER (WHERE %s)' % self.text(self.condition(scope, 1, p))
            return text, False, True
        return text, True, '_value' in text

    def window(self, scope, p):
        ids = ['%s.id' % alias for alias in scope]
        function, sees_order, framed = self.window_function(scope, p)
        partition = [self.column(scope, ('small', 'int', 'text'))[0] if self.chance(0.6) else self.group_key(scope, None)
                     for _ in range(self.pick([0, 0, 1, 1, 2]))]
        order = self.sort_keys(scope) if self.chance(0.7) else []
        frame = self.frame() if framed and self.chance(0.5) else ''
        if frame.startswith(' RANGE') and any(c.isdigit() for c in frame):
            # a distance goes with one key
            order, frame = (order, '') if sees_order else (self.orders([self.column(scope, ('small',))[0]]), frame)
        elif frame.startswith(' ROWS') or frame.startswith(' GROUPS') and not order:
            sees_order = True
        over = ('PARTITION BY ' + ', '.join(partition) if partition else '',
                'ORDER BY ' + ', '.join(order + ids * sees_order) if order or sees_order else '', frame)
        text = '%s OVER (%s)' % (function, ' '.join(' '.join(over).split()))
        return 'md5((%s)::text)' % text if re.search(r'\((a\d+)\.[xy]\b', function) else text

    def windowed(self, query, scope, ids):
        """Window functions of all rows, of those under a LIMIT, or with a condition on the first."""
        p = query['parameters']
        if self.chance(0.5):
            query['where'] = []
        functions = [self.window(scope, p) for _ in range(self.pick([1, 1, 2, 3]))]
        query['targets'] = ids + functions
        if self.chance(0.3):
            query['targets'] = ids + [self.pick(['rank()', 'dense_rank()', 'count(*)']) + ' OVER (PARTITION BY %s ORDER BY %s) AS w' % (
                self.group_key(scope, None), self.pick([self.sort_keys(scope)[0], ids[0]]))] + functions[:1]
            query['targets'] += [self.target(scope, p)] if self.chance(0.5) else []
            query['outer'] = 'SELECT * FROM (%%s) AS q WHERE w %s' % self.pick(['<= 3', '= 1', '< 5', '= 2', '> 2'])
            return
        if self.chance(0.15):
            key = self.group_key(scope, None)
            query['targets'] = [key, 'count(*) OVER (PARTITION BY %s)' % key]
            query['distinct'] = 'DISTINCT'
            return
        query['fixed'] = self.orders(ids)
        if self.chance(0.3):
            query['order'] = self.sort_keys(scope)[:1]
        if self.chance(0.5):
            query['limit'] = self.limit()

    def orders(self, targets):
        return [t + self.pick(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST']) for t in targets]

    def failing(self):
        text = self.pick(FAILING)
        query = self.empty({'table': 't', 'alias': 'a'})
        if self.chance(0.5):
            query['targets'] = ['a.id', text]
        else:
            query['targets'] = ['a.id']
            query['where'] = ['(%s) IS NOT NULL' % text if self.chance(0.5) else '%s = %s' % (text, text)]
        return query

    @staticmethod
    def empty(tree):
        return {'from': tree, 'targets': [], 'where': [], 'group': [], 'having': [], 'order': [], 'fixed': [], 'limit': '', 'distinct': '',
                'grouping': '%s', 'set': None, 'settings': [], 'parameters': None, 'outer': ''}

    def next(self):
        self.names = 0
        if self.chance(0.03):
            return self.failing()
        parameters = [] if self.chance(0.15) else None
        local = 1 if self.chance(0.25) else 0
        count = self.pick([1, 1, 1, 2, 2, 2, 2, 3, 3, 4])
        tree, scope = self.join(count, parameters, local, (0, 0.1, 0.3, 0.7, 0.9)[count])
        query = self.empty(tree)
        query['parameters'] = parameters
        query['settings'] = [s for s in SETTINGS if self.chance(0.12)] if self.chance(0.6) else []
        for _ in range(self.pick([0, 0, 0, 1, 1, 1, 2])):
            query['where'].append(self.condition(scope, 3, parameters))
        ids = ['%s.id' % alias for alias in scope]
        roll = float(os.environ.get('CK_RANDOM_KIND', self.r.random()))
        if roll < 0.35:
            self.plain(query, scope, ids)
        elif roll < 0.7:
            self.grouped(query, scope)
        elif roll < 0.78:
            query['targets'] = [self.group_key(scope, None) for _ in range(self.pick([1, 1, 2, 3]))]
            query['distinct'] = 'DISTINCT'
            if self.chance(0.6):
                query['fixed'] = ['%d' % (i + 1) for i in range(len(query['targets']))]
                query['limit'] = self.limit()
        elif roll < 0.84:
            key = self.group_key(scope, None)
            query['targets'] = [key] + ids
            query['distinct'] = 'DISTINCT ON (%s)' % key
            query['fixed'] = [key] + self.orders(ids)
            query['limit'] = self.limit() if self.chance(0.4) else ''
        elif roll < 0.92:
            self.windowed(query, scope, ids)
        else:
            self.set_operation(query, scope)
        if parameters is not None and not parameters:
            query['parameters'] = None
        return query

    def limit(self):
        return self.pick([' LIMIT 1', ' LIMIT 5', ' LIMIT 20', ' LIMIT 10 OFFSET 3', ' LIMIT 100 OFFSET 1', ' OFFSET 2'])

    def plain(self, query, scope, ids):
        p = query['parameters']
        query['targets'] = [self.target(scope, p) for _ in range(self.pick([1, 2, 3, 4]))] if self.chance(0.8) else list(ids)
        if self.chance(0.6):
            query['order'] = self.orders([self.target(scope, None) for _ in range(self.pick([0, 1, 1, 2]))])
            query['fixed'] = self.orders(ids)
            query['limit'] = self.limit()
        elif self.chance(0.15):
            query['targets'] = ids
            query['fixed'] = ids
            query['outer'] = 'SELECT count(*) FROM (%s LIMIT 20) AS counted'
        if not query['outer'] and self.chance(0.1):
            query['targets'].append(self.pick(list(scope)) + '.tableoid::regclass IS NULL' if self.chance(0.5) and
                                    all(i in ('t', 'u', 'v', 'words', 'q') for i in self.tables(query['from'])) else 'random() < 2')

    def grouped(self, query, scope):
        p = query['parameters']
        keys = [self.group_key(scope, p) for _ in range(self.pick([0, 1, 1, 1, 2, 3]))]
        aggregates = [self.aggregate(scope, p) for _ in range(self.pick([1, 1, 2, 3]))]
        sets = len(keys) > 0 and self.chance(0.15)
        if sets:
            keys = sorted(set(keys))
            query['grouping'] = self.pick(['ROLLUP (%s)', 'CUBE (%s)', 'GROUPING SETS (%s)', 'GROUPING SETS ((%s), ())'])
        query['group'] = keys
        query['targets'] = keys + aggregates + ['grouping(%s)' % ', '.join(keys)] * sets
        if self.chance(0.3):
            compared = self.pick(['count(*) > 1', 'count(*) %% %d = 0' % self.pick([1, 2, 3])])
            query['having'] = [compared]
            if keys and self.chance(0.4):
                query['having'].append('%s IS %sNULL' % (self.pick(keys), self.pick(['', 'NOT '])))
        if self.chance(0.5) and keys:
            query['order'] = self.orders([a for a in aggregates if a.startswith(('count', 'sum'))][:1]) if self.chance(0.5) else []
            query['fixed'] = self.orders(keys) + ['grouping(%s)' % ', '.join(keys)] * sets
            query['limit'] = self.limit() if self.chance(0.7) else ''
        if self.chance(0.1) and keys and not query['order']:
            query['outer'] = 'SELECT count(*) FROM (%s) AS counted'

    def set_operation(self, query, scope):
        tree, other_scope = self.join(self.pick([1, 1, 2]), query['parameters'], 0, 0.3)
        kinds = [k for k in ('small', 'int', 'text', 'bool', 'date') if self.column(scope, (k,))[0] and self.column(other_scope, (k,))[0]]
        kind = self.pick(kinds)
        other = self.empty(tree)
        if self.chance(0.6):
            other['where'] = [self.condition(other_scope, 2, query['parameters'])]
        query['targets'] = ['left(%s, 20)' % self.column(scope, (kind,))[0] if kind == 'text' else self.column(scope, (kind,))[0]]
        other['targets'] = ['left(%s, 20)' % self.column(other_scope, (kind,))[0] if kind == 'text' else self.column(other_scope, (kind,))[0]]
        query['set'] = (self.pick(['UNION', 'UNION ALL', 'INTERSECT', 'INTERSECT ALL', 'EXCEPT', 'EXCEPT ALL']), other)
        if self.chance(0.5):
            query['fixed'] = ['1']
            query['limit'] = self.limit()

    @classmethod
    def tables(cls, tree):
        return cls.tables(tree['left']) + cls.tables(tree['right']) if 'join' in tree else [tree['table']]

    # text

    @classmethod
    def tree_text(cls, tree):
        if 'join' not in tree:
            return '%s AS %s' % (tree['table'], tree['alias'])
        right = cls.tree_text(tree['right'])
        return '%s %s JOIN %s ON %s' % (cls.tree_text(tree['left']), tree['join'], '(%s)' % right if 'join' in tree['right'] else right,
                                        ' AND '.join('(%s)' % cls.text(c) for c in tree['on']) or 'true')

    @classmethod
    def body(cls, query):
        text = 'SELECT %s %s FROM %s' % (query['distinct'], ', '.join(query['targets']), cls.tree_text(query['from']))
        if query['where']:
            text += ' WHERE ' + ' AND '.join('(%s)' % cls.text(c) for c in query['where'])
        if query['group']:
            text += ' GROUP BY ' + query['grouping'] % ', '.join(query['group'])
        if query['having']:
            text += ' HAVING ' + ' AND '.join(query['having'])
        if query['set']:
            text += ' %s %s' % (query['set'][0], cls.body(query['set'][1]))
        return text

    @classmethod
    def statements(cls, query):
        """The statements of a query, in order; their results are compared one by one."""
        text = cls.body(query)
        order = query['order'] + query['fixed']
        if order:
            text += ' ORDER BY ' + ', '.join(order)
        text += query['limit']
        if query['outer']:
            text = query['outer'] % text
        text = ' '.join(text.split())
        begin = ['SET %s' % s for s in query['settings']]
        if not query['parameters']:
            return begin + [text] + (['RESET ALL'] if begin else [])
        used = [i for i in range(len(query['parameters'])) if '{%d}' % i in text]
        for place, i in enumerate(used):
            text = text.replace('{%d}' % i, '$%d' % (place + 1))
        kinds = ', '.join(query['parameters'][i][0] for i in used)
        execute = ['EXECUTE p' + (' (%s)' % ', '.join(query['parameters'][i][1][n] for i in used) if used else '') for n in range(7)]
        return begin + ['PREPARE p%s AS %s' % (' (%s)' % kinds if used else '', text)] + execute + ['DEALLOCATE ALL', 'RESET ALL']

    @staticmethod
    def in_order(query):
        return bool(query['fixed']) and not query['outer']

    # smaller queries

    @classmethod
    def smaller_conditions(cls, conditions):
        for i, condition in enumerate(conditions):
            yield conditions[:i] + conditions[i + 1:]
            if isinstance(condition, list):
                for child in condition[1:]:
                    yield conditions[:i] + [child] + conditions[i + 1:]
                if len(condition) > 3:
                    for j in range(1, len(condition)):
                        yield conditions[:i] + [condition[:j] + condition[j + 1:]] + conditions[i + 1:]

    @classmethod
    def smaller_trees(cls, tree):
        if 'join' not in tree:
            if 'plain' in tree:
                yield {'table': tree['plain'], 'alias': tree['alias']}
            return
        yield tree['left']
        yield tree['right']
        for side in ('left', 'right'):
            for smaller in cls.smaller_trees(tree[side]):
                yield dict(tree, **{side: smaller})
        if tree['join'] != 'INNER':
            yield dict(tree, join='INNER')
        for on in cls.smaller_conditions(tree['on']):
            if on or tree['join'] == 'INNER':
                yield dict(tree, on=on)

    @classmethod
    def smaller(cls, query):
        """Queries of one thing less, as determined as the query itself."""
        for key in ('set', 'parameters', 'outer', 'limit'):
            if query[key] and not (key == 'parameters' and '{' in cls.body(query)):
                yield dict(query, **{key: None if key in ('set', 'parameters') else ''})
        for i in range(len(query['settings'])):
            yield dict(query, settings=query['settings'][:i] + query['settings'][i + 1:])
        if not query['limit'] and query['fixed'] and not query['distinct'].startswith('DISTINCT ON'):
            yield dict(query, order=[], fixed=[])
        for i in range(len(query['order'])):
            yield dict(query, order=query['order'][:i] + query['order'][i + 1:])
        for tree in cls.smaller_trees(query['from']):
            gone = set(cls.aliases(query['from'])) - set(cls.aliases(tree))
            smaller = dict(query, **{'from': tree})
            if gone:
                mentions = lambda text: any(alias + '.' in cls.text(text) for alias in gone)
                for key in ('targets', 'where', 'group', 'having', 'order', 'fixed'):
                    smaller[key] = [text for text in query[key] if not mentions(text)]
                if not smaller['targets'] and not query['distinct']:
                    smaller['targets'] = ['1']
            yield smaller
        for key in ('where', 'having'):
            for conditions in cls.smaller_conditions(query[key]):
                yield dict(query, **{key: conditions})
        if len(query['targets']) > 1 and not query['distinct']:
            for i, target in enumerate(query['targets']):
                if target not in query['group']:
                    yield dict(query, targets=query['targets'][:i] + query['targets'][i + 1:])
        for i, key in enumerate(query['group']):
            if not query['limit']:
                yield dict(query, group=query['group'][:i] + query['group'][i + 1:], fixed=[], order=[],
                           targets=[t for t in query['targets'] if t != key] or ['1'])
        if query['set']:
            word, other = query['set']
            for smaller in cls.smaller(other):
                yield dict(query, set=(word, smaller))

    @classmethod
    def aliases(cls, tree):
        return cls.aliases(tree['left']) + cls.aliases(tree['right']) if 'join' in tree else [tree['alias']]
