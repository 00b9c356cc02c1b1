-- reach.sql: where the sources of users who are no superusers may be: hosts, ports, networks, sockets, files.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off
\set socket `echo $CK_SOURCE_PGHOST`
\set port `echo $CK_SOURCE_PGPORT`
\set password `echo $CK_PASSWORD`
\set files `echo $CK_FILES`

SET client_min_messages = warning;
CREATE ROLE reach_owner;
CREATE ROLE reach_friend;

-- before the module is loaded, anybody sets anything
SET connkit.allowed_hosts = '127.*, localhost';
SET ROLE reach_owner;
SET connkit.denied_addresses = '';
RESET ROLE;
SET client_min_messages = error;
LOAD 'connkit';
SET client_min_messages = warning;

SELECT * FROM no_plan();
SELECT matches(current_setting('connkit.denied_addresses'), '^169', 'a setting of who is no superuser does not outlive loading');
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres, connkit_mysql, connkit_sqlite TO reach_owner, reach_friend;
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA pg_temp TO PUBLIC;

-- What connkit_test() says of settings that are not saved, with that list allowed: "refused", or "passed".
CREATE FUNCTION pg_temp.verdict(allowed text, host text, port int, role name DEFAULT 'reach_owner',
	connector text DEFAULT 'postgres') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said record;
BEGIN
	PERFORM set_config('connkit.allowed_hosts', allowed, true);
	EXECUTE format('SET LOCAL ROLE %I', role);
	SELECT stage, detail, hint INTO said FROM connkit_test(connector, jsonb_build_object('host', host, 'port', port,
		'connect_timeout', 1), '{"user": "nobody", "password": "x"}') WHERE outcome = 'failed';
	RESET ROLE;
	RETURN CASE WHEN said.detail LIKE 'connecting to % is not allowed' AND said.hint LIKE '%connkit.allowed_hosts.'
		THEN 'refused' ELSE 'passed' END;
END$$;

-- What a statement is refused with.
CREATE FUNCTION pg_temp.refusal(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
	message text;
BEGIN
	EXECUTE sql;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' ', SQLSTATE, message, detail, hint);
END$$;

SELECT is(current_setting('connkit.allowed_hosts'), '127.*, localhost', 'one of a superuser does');
SET ROLE reach_owner;
SELECT matches((SELECT detail FROM connkit_test('postgres', '{"host": "localhost", "port": 1}', '{"user": "x", "password": "x"}')
	WHERE outcome = 'failed'), 'is not allowed$', 'but lets nothing pass where it is malformed');
RESET ROLE;
SET connkit.allowed_hosts = '*';

-- a list of patterns, a host and a port, and whether it passes; what passes is at this machine, or leads nowhere
CREATE TEMP TABLE reach_case (id serial, allowed text, host text, port int, passes bool, what text);
INSERT INTO reach_case (allowed, host, port, passes, what) VALUES
	('*', '127.0.0.1', 1, true, 'all: an address'),
	('*', 'localhost', 1, true, 'all: a name'),
	('*', '/nonexistent', 1, true, 'all: a socket'),
	('', '127.0.0.1', 1, false, 'none: an address'),
	('', 'localhost', 1, false, 'none: a name'),
	('', '/nonexistent', 1, false, 'none: a socket'),
	('*:7', '127.0.0.1', 7, true, 'all at a port: an address'),
	('*:7', 'localhost', 7, true, 'all at a port: a name'),
	('*:7', 'localhost', 8, false, 'all at a port: another port'),
	('*:7', '/nonexistent', 7, false, 'all at a port: no socket'),
	('localhost', 'localhost', 1, true, 'a name'),
	('LocalHost', 'lOCALhOST', 1, true, 'a name in another case'),
	('localhost.', 'localhost', 1, true, 'a pattern that ends in a dot'),
	('localhost', 'localhost.', 1, true, 'a name that ends in a dot'),
	('local', 'localhost', 1, false, 'part of a name'),
	('host', 'localhost', 1, false, 'its end'),
	('local*', 'localhost', 1, true, 'a wildcard'),
	('*.localhost', 'localhost', 1, false, 'a wildcard with its dot'),
	('l?calhost', 'localhost', 1, true, 'a wildcard for a character'),
	('l?localhost', 'localhost', 1, false, 'which stands for one'),
	('localhost', '127.0.0.1', 1, false, 'a name is not its address'),
	('*.*', '127.0.0.1', 1, false, 'an address has no name, though a pattern looks so'),
	('?*', '127.0.0.1', 1, false, 'nor one'),
	('?*', '2130706433', 1, false, 'in none of its forms'),
	('?*', '127.1', 1, false, 'not the short one'),
	('?*', '::1', 1, false, 'nor with IPv6'),
	('127.0.0.1', '127.0.0.1', 1, true, 'an address'),
	('127.0.0.1', '127.0.0.2', 1, false, 'another one'),
	('127.0.0.0/8', '127.200.3.4', 1, true, 'a network'),
	('127.0.0.0/9', '127.200.3.4', 1, false, 'a smaller one'),
	('127.200.0.0/13', '127.207.255.255', 1, true, 'a network that ends within a byte'),
	('127.200.0.0/13', '127.208.0.0', 1, false, 'and what comes after it'),
	('0.0.0.0/0', '127.0.0.1', 1, true, 'all of IPv4'),
	('0.0.0.0/0', '::1', 1, false, 'is not IPv6'),
	('::/0', '127.0.0.1', 1, false, 'nor the other way round'),
	('127.0.0.0/8', 'localhost', 1, true, 'a network: a name that is there'),
	('10.0.0.0/8', 'localhost', 1, false, 'a name that is elsewhere'),
	('127.0.0.0/8', '0177.0.0.1', 1, true, 'an octal number'),
	('177.0.0.0/8', '0177.0.0.1', 1, false, 'is none in decimal'),
	('127.0.0.0/8', '2130706433', 1, true, 'a whole number'),
	('127.0.0.0/8', '0x7f.1', 1, true, 'in hex'),
	('127.0.0.0/8', '127.1', 1, true, 'with parts left out'),
	('127.0.0.0/8', '0', 1, true, 'no address is this machine'),
	('0.0.0.0', '0.0.0.0', 1, false, 'and not what it looks like'),
	('::1', '::', 1, true, 'also with IPv6'),
	('::1', '::1', 1, true, 'IPv6'),
	('::1', '0:0:0:0:0:0:0:1', 1, true, 'in another form'),
	('::/127', '::1', 1, true, 'a network of IPv6'),
	('::2/127', '::1', 1, false, 'and what comes before it'),
	('fe80::/10', 'fe80::1%lo', 1, true, 'a zone does not matter'),
	('fe00::/10', 'fe80::1%lo', 1, false, 'nor makes it an address of another network'),
	('127.0.0.0/8', '::ffff:127.0.0.1', 1, true, 'IPv4 within IPv6'),
	('::ffff:127.0.0.0/104', '127.0.0.1', 1, true, 'the same as a pattern'),
	('::/0', '::ffff:127.0.0.1', 1, false, 'is IPv4'),
	('127.0.0.0/8', '::127.0.0.1', 1, false, 'what only looks like it is not'),
	('127.0.0.0/8', '64:ff9b::127.0.0.1', 1, false, 'nor what a gateway would make of it'),
	('127.0.0.1:5432', '127.0.0.1', 5432, true, 'a port'),
	('127.0.0.1:5432', '127.0.0.1', 5433, false, 'another port'),
	('127.0.0.0/8:10-20', '127.0.0.1', 10, true, 'the first of some ports'),
	('127.0.0.0/8:10-20', '127.0.0.1', 20, true, 'the last'),
	('127.0.0.0/8:10-20', '127.0.0.1', 9, false, 'the one before'),
	('127.0.0.0/8:10-20', '127.0.0.1', 21, false, 'the one behind'),
	('[::1]:10-20', '::1', 15, true, 'ports of IPv6'),
	('[::/127]:10-20', '::1', 21, false, 'of a network'),
	('[::1]', '::1', 21, true, 'brackets alone'),
	('localhost:7', 'localhost', 7, true, 'the port of a name'),
	('localhost:7', 'localhost', 8, false, 'another'),
	(' 10.0.0.0/8 , localhost:7,127.0.0.1 ', '127.0.0.1', 1, true, 'the last of a list'),
	('10.0.0.0/8,localhost:7', 'localhost', 7, true, 'one within'),
	('10.0.0.0/8,localhost:7', '127.0.0.1', 7, false, 'none of it'),
	('127.0.0.1', '*', 1, true, 'a host of several addresses, one of which is allowed'),
	('10.0.0.1', '*', 1, false, 'or none'),
	('*', '', 1, true, 'an empty host is no matter of rights'),
	('/nonexistent', '/nonexistent', 1, true, 'a path'),
	('/nonexistent', '/nonexistent/a', 1, false, 'a path below'),
	('/nonexistent/*', '/nonexistent/a', 1, true, 'a path by wildcard'),
	('/nonexistent/*', '/nonexistent/a/b', 1, false, 'which is no /'),
	('/nonexistent/*', '/nonexistent/..', 1, false, 'nor leads up'),
	('/nonexistent*/x', '/nonexistent/../x', 1, false, 'nor up and down'),
	('/tmp', '/usr/../tmp', 1, true, 'a way that leads there'),
	('/usr/*', '/usr/../tmp', 1, false, 'and one that leads away'),
	('localhost', '/nonexistent', 1, false, 'a name is no path'),
	('/*', 'localhost', 1, false, 'nor a path a name');
SELECT is(pg_temp.verdict(allowed, host, port), CASE WHEN passes THEN 'passed' ELSE 'refused' END,
	format('%s: "%s" for "%s" port %s', what, allowed, host, port)) FROM reach_case ORDER BY id;

-- settings that are not understood
CREATE TEMP TABLE malformed (name text, value text, detail text);
INSERT INTO malformed VALUES
	('allowed_hosts', ',', '"": a pattern is missing.'),
	('allowed_hosts', 'a,,b', '"": a pattern is missing.'),
	('allowed_hosts', 'a, ', '"": a pattern is missing.'),
	('allowed_hosts', 'a b', '"a b": it is neither a name, nor an address, nor a path.'),
	('allowed_hosts', 'x, 10.0.0.0/33', '"10.0.0.0/33": the length of a network''s prefix is a number from 0 to 32.'),
	('allowed_hosts', 'fd00::/129', '"fd00::/129": the length of a network''s prefix is a number from 0 to 128.'),
	('allowed_hosts', '10.0.0.0/', '"10.0.0.0/": the length of a network''s prefix is a number from 0 to 32.'),
	('allowed_hosts', '10.0.0.0/8x', '"10.0.0.0/8x": the length of a network''s prefix is a number from 0 to 32.'),
	('allowed_hosts', '10.0.0.0/-1', '"10.0.0.0/-1": the length of a network''s prefix is a number from 0 to 32.'),
	('allowed_hosts', '10.0.0.1/8', '"10.0.0.1/8": the address has bits set behind the network''s prefix.'),
	('allowed_hosts', 'fd00::1/127', '"fd00::1/127": the address has bits set behind the network''s prefix.'),
	('allowed_hosts', '10.*', '"10.*": an address is written as four numbers, a network as 10.0.0.0/8.'),
	('allowed_hosts', '10.1', '"10.1": an address is written as four numbers, a network as 10.0.0.0/8.'),
	('allowed_hosts', '0x7f.1', '"0x7f.1": an address is written as four numbers, a network as 10.0.0.0/8.'),
	('allowed_hosts', '1.2.3.4.5', '"1.2.3.4.5": an address is written as four numbers, a network as 10.0.0.0/8.'),
	('allowed_hosts', 'db/8', '"db/8": an address is written as four numbers, a network as 10.0.0.0/8.'),
	('allowed_hosts', 'fd00::1::2', '"fd00::1::2": it is no IPv6 address; a port stands behind brackets: [fd00::1]:5432.'),
	('allowed_hosts', 'fe80::1%eth0', '"fe80::1%eth0": it is no IPv6 address; a port stands behind brackets: [fd00::1]:5432.'),
	('allowed_hosts', '::ffff:0:0/95', '"::ffff:0:0/95": the address has bits set behind the network''s prefix.'),
	('allowed_hosts', '[db]:1', '"[db]:1": brackets hold an IPv6 address or network.'),
	('allowed_hosts', '[::1', '"[::1": brackets hold an IPv6 address or network.'),
	('allowed_hosts', '[::1]x', '"[::1]x": a port is a number from 1 to 65535, or two of them as from-to.'),
	('allowed_hosts', 'db:', '"db:": a port is a number from 1 to 65535, or two of them as from-to.'),
	('allowed_hosts', 'db:0', '"db:0": a port is a number from 1 to 65535, or two of them as from-to.'),
	('allowed_hosts', 'db:65536', '"db:65536": a port is a number from 1 to 65535, or two of them as from-to.'),
	('allowed_hosts', 'db:18446744073709551617', '"db:18446744073709551617": a port is a number from 1 to 65535, or two of them as from-to.'),
	('allowed_hosts', 'db:2-1', '"db:2-1": a port is a number from 1 to 65535, or two of them as from-to.'),
	('allowed_hosts', 'db:1-', '"db:1-": a port is a number from 1 to 65535, or two of them as from-to.'),
	('allowed_hosts', 'db: 1', '"db: 1": a port is a number from 1 to 65535, or two of them as from-to.'),
	('allowed_hosts', 'db:x', '"db:x": a port is a number from 1 to 65535, or two of them as from-to.'),
	('denied_addresses', 'db', '"db": it is neither an address nor a network.'),
	('denied_addresses', '*', '"*": it is neither an address nor a network.'),
	('denied_addresses', '/tmp', '"/tmp": it is neither an address nor a network.'),
	('denied_addresses', '10.0.0.0/33', '"10.0.0.0/33": the length of a network''s prefix is a number from 0 to 32.');
SELECT is(pg_temp.refusal(format('SET connkit.%s = %L', name, value)),
	format('22023 invalid value for parameter "connkit.%s": "%s" %s Patterns are divided by commas: names (*.example.com), '
		'addresses, networks (10.0.0.0/8), each with :port or :from-to if need be ([fd00::/8]:5432), paths of Unix sockets '
		'(/run/postgresql*), or * for all.', name, value, detail), name || ' = ' || value) FROM malformed;
\set ON_ERROR_STOP off
\set VERBOSITY terse
ALTER SYSTEM SET connkit.allowed_hosts = '10.*';
\set VERBOSITY default
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'nor are they taken into the configuration');
\set ON_ERROR_STOP on
SELECT throws_ok($$ALTER ROLE reach_owner SET connkit.allowed_hosts = '10.*'$$, '22023', NULL, 'or for a role');
SELECT is(current_setting('connkit.allowed_hosts'), '*', 'and what was set stays');
SET ROLE reach_owner;
SELECT throws_ok($$SET connkit.allowed_hosts = '*'$$, '42501', NULL, 'who is no superuser sets no hosts');
SELECT throws_ok($$SET connkit.denied_addresses = ''$$, '42501', NULL, 'nor addresses');
RESET ROLE;

-- several addresses: what is allowed is left
CREATE FUNCTION pg_temp.resolved(allowed text, host text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	PERFORM set_config('connkit.allowed_hosts', allowed, true);
	SET LOCAL ROLE reach_owner;
	SELECT detail INTO said FROM connkit_test('postgres', jsonb_build_object('host', host, 'port', 1),
		'{"user": "nobody", "password": "x"}') WHERE stage = 'resolve';
	RESET ROLE;
	RETURN said;
END$$;
SELECT is(pg_temp.resolved('*', '*'), '::1,127.0.0.1', 'a host of two addresses');
SELECT is(pg_temp.resolved('127.0.0.1', '*'), '127.0.0.1', 'the one that is allowed');
SELECT is(pg_temp.resolved('::/8', '*'), '::1', 'the other');
SELECT is(pg_temp.resolved('*', '0x7f.1'), '127.0.0.1', 'a number in its usual form');
SELECT is(pg_temp.resolved('localhost', 'no-such.example.invalid'), 'no-such.example.invalid', 'a name that no pattern allows');
SELECT is((SELECT array_agg(pg_temp.verdict('127.0.0.1:1', host, port, 'reach_owner', 'mysql'))
	FROM (VALUES ('127.0.0.1', 1), ('localhost', 1), ('127.0.0.1', 2), ('localhost', 2), ('::1', 1)) v (host, port)),
	'{passed,passed,refused,refused,refused}', 'MySQL is bounded in the same way');

-- who is bounded
SELECT is(pg_temp.verdict('127.0.0.1:1', '127.0.0.1', 2), 'refused', 'who is no superuser');
SELECT is(pg_temp.verdict('127.0.0.1:1', '127.0.0.1', 2, 'postgres'), 'passed', 'but not a superuser');
SET connkit.allowed_hosts = '127.0.0.1:1';
SELECT format($$CREATE SERVER %1$s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %2$L, port %3$L, dbname 'source');
	CREATE USER MAPPING FOR PUBLIC SERVER %1$s OPTIONS (user 'ck_reader', password %4$L);
	GRANT USAGE ON FOREIGN SERVER %1$s TO PUBLIC;
	CREATE FOREIGN TABLE public.%1$s_t (a int) SERVER %1$s OPTIONS (query 'SELECT 1 AS a');
	GRANT SELECT ON public.%1$s_t TO PUBLIC$$, name, 'localhost', :'port', :'password')
FROM unnest('{reach_super,reach_own}'::text[]) name \gexec
ALTER SERVER reach_own OWNER TO reach_owner;
SET ROLE reach_friend;
SELECT results_eq('SELECT a FROM public.reach_super_t', '{1}'::int[], 'a superuser''s source is where he says, for all');
SELECT throws_ok('SELECT a FROM public.reach_own_t', '42501', 'source "reach_own": connecting to host "localhost", port ' || :'port'
	|| ' is not allowed', 'another''s is not, for all');
SELECT matches(pg_temp.refusal('SELECT a FROM public.reach_own_t'), 'Have an administrator add it to the setting connkit.allowed_hosts.$',
	'with a hint');
SELECT is((SELECT detail FROM connkit_test('reach_own') WHERE outcome = 'failed'),
	format('connecting to host "localhost", port %s is not allowed', :'port'), 'nor when it is tested');
SELECT throws_ok('SELECT * FROM connkit_discover(''reach_own'')', '42501', NULL, 'or discovered');
RESET ROLE;
SELECT throws_ok('SELECT a FROM public.reach_own_t', '42501', NULL, 'nor for a superuser, who did not say where it is');
SET connkit.allowed_hosts = 'localhost';
SELECT results_eq('SELECT a FROM public.reach_own_t', '{1}'::int[], 'where the setting allows it, it is read');
SET connkit.allowed_hosts = '127.0.0.0/8';
SET ROLE reach_friend;
SELECT results_eq('SELECT a FROM public.reach_own_t', '{1}'::int[], 'also by its address');
RESET ROLE;
SET connkit.allowed_hosts = '10.0.0.0/8';
SELECT throws_ok('SELECT a FROM public.reach_own_t', '42501', NULL, 'a connection does not outlive the setting');

-- sockets: the path that is connected to counts, not the one that is written
SELECT format('COPY (SELECT WHERE false) TO PROGRAM %L', format('cd %s && rm -f link away && ln -s %s link && ln -s /tmp away',
	:'files', :'socket')) \gexec
SELECT is(pg_temp.verdict(allowed, host, :'port'), verdict, what)
FROM (VALUES (:'socket', :'socket', 'passed', 'a socket'),
	(:'files' || '/*', :'socket', 'refused', 'another folder'),
	(:'socket', :'files' || '/link', 'passed', 'a link to it'),
	(:'files' || '/link', :'files' || '/link', 'passed', 'where the pattern means the link'),
	(:'files' || '/away', :'files' || '/link', 'refused', 'not what another link leads to'),
	(:'files' || '/link*', :'files' || '/link', 'refused', 'a pattern is of the path without links'),
	(:'files' || '/../sourc?', :'socket', 'passed', 'the pattern''s own folder may be written in any way'),
	(:'socket' || ':1', :'socket', 'refused', 'paths have no ports')) v (allowed, host, verdict, what);
SELECT is(pg_temp.resolved('*', :'files' || '/link'), :'socket', 'what was checked is connected to');

-- files
SELECT format('COPY (SELECT WHERE false) TO PROGRAM %L', format('cd %1$s && rm -rf reach* && mkfifo reach-pipe && '
	'for i in 1 2; do sqlite3 reach$i.db "CREATE TABLE t (a integer); INSERT INTO t VALUES ($i)"; done && '
	'mkdir reach && mv reach2.db reach && ln -s reach1.db reach-link && ln -s %2$s/PG_VERSION reach-data', :'files',
	current_setting('data_directory'))) \gexec
SELECT set_config('connkit.allowed_paths', :'files', false) \gset
CREATE FUNCTION pg_temp.file(path text, role name DEFAULT 'reach_owner') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	answer = pg_temp.refusal(format('CREATE SERVER reach_file FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path %L)', path));
	IF answer = 'accepted' THEN
		DROP SERVER reach_file;
	END IF;
	RESET ROLE;
	RETURN left(answer, 8);
END$$;
GRANT EXECUTE ON FUNCTION pg_temp.refusal(text) TO PUBLIC;
SELECT is(pg_temp.file(path), answer, what)
FROM (VALUES (:'files' || '/reach1.db', 'accepted', 'a file of an allowed folder'),
	(:'files' || '/reach/2.db', '42501 th', 'one that does not exist'),
	(:'files' || '/reach/reach2.db', 'accepted', 'one below'),
	(:'files' || '/reach-link', 'accepted', 'a link that stays within'),
	(:'files' || '/reach-data', '42501 th', 'one that leads away'),
	(:'files' || '/../main/data/PG_VERSION', '42501 th', 'a way that leads up'),
	(:'files' || '/reach-pipe', '42501 th', 'a pipe'),
	('/proc/self/cwd/PG_VERSION', '42501 th', 'the data directory by the system''s link'),
	('', 'HV00A in', 'no file'),
	('reach1.db', 'HV00A in', 'a relative path'),
	('/etc/passwd', '42501 th', 'another file')) v (path, answer, what);
SELECT is(pg_temp.file('reach1.db', 'postgres'), 'HV00A in', 'a superuser names no relative path either');
SELECT is(pg_temp.file(:'files' || '/not/yet', 'postgres'), 'accepted', 'but one that is not there yet');
SELECT matches(pg_temp.refusal('CREATE SERVER f FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path ''a'')'), 'It is an absolute path.$',
	'with a hint');

SELECT format('CREATE SERVER reach_link FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path %L)', :'files' || '/reach-link') \gexec
ALTER SERVER reach_link OWNER TO reach_owner;
CREATE FOREIGN TABLE public.reach_link_t (a int) SERVER reach_link OPTIONS (table_name 't');
SELECT results_eq('SELECT a FROM public.reach_link_t', '{1}'::int[], 'the file behind a link is read');
SELECT is((SELECT detail FROM connkit_test('reach_link') WHERE stage = 'connect'), :'files' || '/reach1.db',
	'by the path that was checked');
SELECT format('COPY (SELECT WHERE false) TO PROGRAM %L', format('cd %s && ln -sf reach/reach2.db reach-link', :'files')) \gexec
SELECT results_eq('SELECT a FROM public.reach_link_t', '{1}'::int[], 'a link that is laid later does not change an open file');
SET connkit.allowed_paths = '/etc';
SELECT throws_ok('SELECT a FROM public.reach_link_t', '42501', 'the file named by option "path" may not be used',
	'what was allowed is not any more');
SELECT set_config('connkit.allowed_paths', :'files' || ', /etc', false) \gset
SELECT results_eq('SELECT a FROM public.reach_link_t', '{2}'::int[], 'where it is allowed again, the link is followed anew');
SELECT format('COPY (SELECT WHERE false) TO PROGRAM %L', format('cd %s && ln -sf /etc/passwd reach-link', :'files')) \gexec
SELECT set_config('connkit.allowed_paths', :'files', false) \gset
SELECT throws_ok('SELECT a FROM public.reach_link_t', '42501', NULL, 'one that leads away is not');
SELECT throws_ok('SELECT * FROM connkit_test(''reach_link'')', '42501', NULL, 'nor when it is tested');

-- the server's own files are let out by no setting
SELECT connkit_set_secret('reach', 'makes the master key') \gset
SET connkit.allowed_paths = '/';
SELECT is(pg_temp.file(path), answer, what)
FROM (VALUES ('/etc/passwd', 'accepted', 'all files are allowed'),
	('/dev/null', '42501 th', 'but devices'),
	(current_setting('data_directory') || '/PG_VERSION', '42501 th', 'and the data directory'),
	(:'files' || '/reach-data', '42501 th', 'and a link into it'),
	('/proc/self/cwd/PG_VERSION', '42501 th', 'also one of the system''s'),
	(current_setting('data_directory') || '.connkit.key', '42501 th', 'and the master key')) v (path, answer, what);
SELECT ok((pg_stat_file(current_setting('data_directory') || '.connkit.key')).size > 0, 'which is there');
RESET connkit.allowed_paths;

-- files of TLS
CREATE FUNCTION pg_temp.tls(options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	SELECT detail INTO said FROM connkit_test('postgres', jsonb_build_object('host', '127.0.0.1', 'port', 1) || options::jsonb,
		'{"user": "nobody", "password": "x"}') WHERE stage = 'options';
	RETURN said;
END$$;
SELECT is(pg_temp.tls('{"sslrootcert": "system"}'), NULL, 'the word "system" is no file');
SELECT is(pg_temp.tls('{"sslrootcert": "systems"}'), 'invalid value for option "sslrootcert"', 'any other is');
SELECT is(pg_temp.tls('{"sslcert": ""}'), 'invalid value for option "sslcert"', 'none is not libpq''s default');
SELECT is(pg_temp.tls('{"sslcert": "/etc/passwd", "sslkey": "/usr/lib/engine.so:/key"}'), 'option "sslkey" may hold no colon',
	'a key is no engine');
SET ROLE reach_owner;
SELECT is(pg_temp.tls('{"sslrootcert": "system"}'), NULL, 'and may be named by everybody');
SELECT throws_ok($$SELECT pg_temp.tls('{"sslrootcert": "/etc/passwd"}')$$, '42501', NULL, 'as a file may not');
RESET ROLE;

-- addresses that are kept from connectors that speak HTTP, whoever asks
SELECT EXISTS (SELECT FROM connkit.connector WHERE name = 'vault' AND available) AS http \gset
CREATE FUNCTION pg_temp.http(host text, role name DEFAULT 'postgres') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said record;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	SELECT detail, hint INTO said FROM connkit_test('vault', jsonb_build_object('address', format('http://%s:1', host),
		'connect_timeout', 1), '{"token": "x"}') WHERE outcome = 'failed';
	RESET ROLE;
	RETURN CASE WHEN said.detail LIKE 'host "%" is at an address that no source may be at' AND
		said.hint LIKE '%connkit.denied_addresses.' THEN 'denied'
		WHEN said.detail LIKE '%is not allowed' THEN 'refused' ELSE 'passed' END;
END$$;
\if :http
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_vault TO reach_owner;
SELECT is(pg_temp.http(host), verdict, format('http://%s is %s', host, verdict))
FROM (VALUES ('127.0.0.1', 'passed'), ('localhost', 'passed'), ('[::1]', 'passed'), ('169.254.169.254', 'denied'),
	('169.254.0.1', 'denied'), ('2852039166', 'denied'), ('0xa9fea9fe', 'denied'), ('0251.0376.0251.0376', 'denied'),
	('169.16689662', 'denied'), ('[::ffff:169.254.169.254]', 'denied'), ('[::ffff:a9fe:a9fe]', 'denied'),
	('[::169.254.169.254]', 'denied'), ('[64:ff9b::a9fe:a9fe]', 'denied'), ('[2002:a9fe:a9fe::1]', 'denied'),
	('[::ffff:0:a9fe:a9fe]', 'denied'), ('[fe80::1]', 'denied'), ('[fe80::a9fe:a9fe%25lo]', 'denied'),
	('[fd00:ec2::254]', 'denied'), ('[fd20:ce::254]', 'denied'), ('100.100.100.200', 'denied'),
	('168.63.129.16', 'denied')) v (host, verdict);
SET connkit.denied_addresses = '127.0.0.0/8, ::1';
SELECT is(pg_temp.http(host), 'denied', format('where this machine is denied, so is http://%s', host))
FROM unnest('{127.0.0.1,127.1,localhost,0.0.0.0,0,[::],[::1],[::ffff:127.0.0.1],[::ffff:0.0.0.0]}'::text[]) host;
SET connkit.denied_addresses = '127.0.0.1:2';
SELECT is(pg_temp.http('127.0.0.1'), 'passed', 'another port');
RESET connkit.denied_addresses;
SET connkit.allowed_hosts = '*.example.com';
SELECT is(pg_temp.http('127.0.0.1', 'reach_owner'), 'refused', 'allowed hosts bound HTTP too');
SET connkit.allowed_hosts = '*';
SELECT is(pg_temp.http('169.254.169.254', 'reach_owner'), 'denied', 'and do not lift what is denied');
\else
SELECT skip('no connector that speaks HTTP', 33);
\endif

SET connkit.allowed_hosts = '*';
SET client_min_messages = error;
DROP OWNED BY reach_owner, reach_friend CASCADE;
DROP ROLE reach_owner, reach_friend;
SELECT * FROM finish();
