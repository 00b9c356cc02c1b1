# double.sh: cases of the HTTP client on a double that misbehaves; functions, to be sourced by run.sh.

# Two of them: one without TLS that redirects to another host name, and one with TLS that redirects to the first.
double_start()
{
	DOUBLE_PORT=$(ck_spare_port) DOUBLE_TLS_PORT=$(ck_spare_port)
	server_start double '(exec 3<>/dev/tcp/127.0.0.1/$DOUBLE_PORT)' \
		"$CK_TOP/test/providers/double.py" "$DOUBLE_PORT" "$CK_TMP/double.requests" "http://127.0.0.1:$DOUBLE_PORT" &&
		server_start double_tls '(exec 3<>/dev/tcp/127.0.0.1/$DOUBLE_TLS_PORT)' \
			"$CK_TOP/test/providers/double.py" "$DOUBLE_TLS_PORT" "$CK_TMP/double_tls.requests" \
			"http://localhost:$DOUBLE_PORT" "$CK_TMP/tls/server.crt" "$CK_TMP/tls/server.key" "$CK_CA"
}

# Reads from the double, that answers in this way.
double_read()
{
	provider double connkit_vault "address 'http://localhost:$DOUBLE_PORT/$1', connect_timeout '2', query_timeout '2'" \
		"token 'canary_token'"
	read_by double x
}

# The whole takes no longer than connect_timeout.
double_slow()
{
	local begin=$SECONDS

	fails "57014: $2" double_read "$1" && [ $((SECONDS - begin)) -le 5 ]
}

# The value comes, since the source refuses it.
double_good()
{
	fails '28000: .*source "source"' double_read "$1"
}

# The host of the address may be written like this.
double_spelt()
{
	provider double connkit_vault "address 'http://$1:$DOUBLE_PORT/ok'" "token 'x'"
	fails '28000: .*source "source"' read_by double x
}

# A redirect to another host does not get the token.
double_other()
{
	: >"$CK_TMP/double.requests"
	fails '08P01: .*the server redirects to "127.0.0.1", port [0-9]+, where the token is not sent' double_read other &&
		is "GET /other/v1/auth/token/lookup-self with token
GET /ok/v1/auth/token/lookup-self without token" cat "$CK_TMP/double.requests"
}

# A login, whose body is a secret, is not sent on to another host.
double_login()
{
	: >"$CK_TMP/double.requests"
	provider double connkit_vault "address 'http://localhost:$DOUBLE_PORT/other', auth 'approle'" \
		"role_id 'x', secret_id 'canary'"
	fails '08P01: .*redirects a request that cannot be sent on to "127.0.0.1"' read_by double x &&
		is "POST /other/v1/auth/approle/login without token" cat "$CK_TMP/double.requests"
}

# Reads from the double with TLS, that answers in this way; further options of the server.
double_tls_read()
{
	provider double connkit_vault "address 'https://localhost:$DOUBLE_TLS_PORT/$1', sslrootcert '$CK_CA'${2:+, $2}" \
		"token 'x', sslcert '$CK_TMP/main/data/server.crt', sslkey '$CK_TMP/main/data/server.key'"
	read_by double x
}

double_no_certificate()
{
	provider double connkit_vault "address 'https://localhost:$DOUBLE_TLS_PORT/ok', sslrootcert '$CK_CA'" "token 'x'"
	fails '08001: .*no TLS with "localhost"' read_by double x
}

# Both requests of a read take one connection.
double_kept()
{
	rm -f "$CK_TMP/double.requests.connections"
	double_good ok && is 1 grep -c . "$CK_TMP/double.requests.connections"
}

double_namespace()
{
	provider double connkit_vault "address 'http://localhost:$DOUBLE_PORT/space', namespace 'team'" "token 'x'"
	fails '28000: .*source "source"' read_by double x
}

# A token that a login gave and that is good no longer is replaced, once.
double_stale()
{
	provider double connkit_vault "address 'http://localhost:$DOUBLE_PORT/stale', auth 'approle'" \
		"role_id 'x', secret_id 'y'"
	fails '28000: .*source "source"' read_by double x && fails '28000: .*the token is not valid' read_by double x
}

# Where who said where the server is is no superuser, connkit.allowed_hosts holds, also for a redirect.
double_bounded()
{
	provider double connkit_vault "address 'http://localhost:$DOUBLE_PORT/$1'" "token 'x'"
	sql -c "CREATE ROLE providers_owner" -c "GRANT USAGE ON FOREIGN DATA WRAPPER connkit_vault TO providers_owner" \
		-c "ALTER SERVER double OWNER TO providers_owner" -c "SELECT connkit_link_secret('linked', 'double', 'x')"
	sql -c "SET connkit.allowed_hosts = 'localhost'" -c "SELECT who FROM there"
	status=$?
	provider double connkit_vault "address 'http://localhost:1'" "token 'x'"
	sql -c "DROP OWNED BY providers_owner" -c "DROP ROLE providers_owner"
	return $status
}

# A reference is UTF-8 to the server, whatever the database's encoding is.
double_encoding()
{
	: >"$CK_TMP/double.requests"
	ck_psql postgres -c "DROP DATABASE IF EXISTS providers_latin1" \
		-c "CREATE DATABASE providers_latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
	PGCLIENTENCODING=UTF8 ck_psql providers_latin1 -c "CREATE EXTENSION connkit CASCADE" \
		-c "CREATE SERVER double FOREIGN DATA WRAPPER connkit_vault OPTIONS (address 'http://localhost:$DOUBLE_PORT/ok')" \
		-c "CREATE USER MAPPING FOR PUBLIC SERVER double OPTIONS (token 'x')" \
		-c "CREATE SERVER source FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '127.0.0.1', port '1')" \
		-c "CREATE USER MAPPING FOR PUBLIC SERVER source OPTIONS (user 'x', password_secret 'linked')" \
		-c "SELECT connkit_link_secret('linked', 'double', 'é/é')" -c "SELECT count(*) FROM connkit_test('source')"
	ck_psql postgres -c "DROP DATABASE providers_latin1"
	grep -q 'data/%C3%A9/%C3%A9 ' "$CK_TMP/double.requests"
}

# Hundreds of reads in one backend leave no file open, and memory as it was.
double_leaks()
{
	local found pages=300

	# a memory checker keeps what is freed
	[ -z "${CK_PG_WRAP:-}" ] || pages=1000000
	provider double connkit_vault "address 'http://localhost:$DOUBLE_PORT/$1'" "token 'x'"
	found=$(sql -v limit=$pages <<-'END'
		SELECT connkit_link_secret('linked', 'double', 'x');
		CREATE PROCEDURE try(times int) LANGUAGE plpgsql AS $$
		BEGIN
			FOR i IN 1..times LOOP
				BEGIN
					PERFORM who FROM there;
				EXCEPTION WHEN OTHERS THEN
				END;
			END LOOP;
		END $$;
		CALL try(30);
		SELECT count(*) AS files FROM pg_ls_dir('/proc/self/fd') \gset
		SELECT split_part(pg_read_file('/proc/self/statm', 0, 100), ' ', 2) AS pages \gset
		CALL try(150);
		SELECT count(*) - :files < 10 FROM pg_ls_dir('/proc/self/fd');
		SELECT split_part(pg_read_file('/proc/self/statm', 0, 100), ' ', 2)::int - :pages < :limit;
		DROP PROCEDURE try;
	END
	)
	is "t t" echo $(tail -n 2 <<<"$found")
}

double_cancel()
{
	provider double connkit_vault "address 'http://localhost:$DOUBLE_PORT/$1'" "token 'x'"
	cancelled double x
}

# An address that nobody may connect to: the address of the server.
double_denied()
{
	provider double connkit_vault "address '$1', connect_timeout '2'" "token 'x'"
	fails '42501: .*source "double"' read_by double x
}

test_double()
{
	local way

	begins "a double starts" double_start || return
	ck_ok "a packed reply" double_good ok
	ck_ok "the connection is kept" double_kept
	ck_ok "a namespace" double_namespace
	for way in 127.0.0.1 127.1 LOCALHOST '[::ffff:127.0.0.1]' '[0:0:0:0:0:ffff:7f00:1]'; do
		ck_ok "a host that is spelt $way" double_spelt "$way"
	done
	ck_ok "a reference in another encoding" double_encoding
	ck_ok "another login for a token that has become stale" double_stale
	ck_ok "a client's certificate" fails '28000: .*source "source"' double_tls_read ok
	ck_ok "no client's certificate" double_no_certificate
	ck_ok "a server of an older TLS" fails '08001: .*no TLS with "localhost"' \
		double_tls_read ok "ssl_min_protocol_version 'TLSv1.3'"
	ck_ok "a redirect to the same host" double_good same
	ck_ok "a redirect to another host" double_other
	ck_ok "a redirect of a login" double_login
	ck_ok "a redirect from https to http" fails '08P01: .*redirects from https to http' double_tls_read other
	ck_ok "a host that is allowed" fails '28000: .*source "source"' double_bounded same
	ck_ok "a redirect to a host that is not allowed" fails '42501: .*source "double"' double_bounded other
	ck_ok "a redirect to a denied address" fails '42501: .*169\.254\.169\.254' double_read metadata
	ck_ok "a redirect to a file" fails '08P01: .*redirects to what is no http or https address' double_read file
	ck_ok "a redirect with a password" fails '08P01: .*redirects to what is no http or https address' double_read user
	ck_ok "a redirect without an end" fails '08P01: .*redirects more than 3 times' double_read loop
	for way in huge endless headers bomb; do
		ck_ok "a reply too large: $way" fails '08P01: .*is larger than' double_read $way
	done
	ck_ok "a page of a proxy" fails '08P01: .*is not Vault or OpenBao \(HTTP status 200\)' double_read html
	ck_ok "no HTTP" fails '08P01: .*sent no good HTTP' double_read garbage
	ck_ok "a connection that is closed" fails '08006: .*closed the connection' double_read close
	ck_ok "a reply that is cut" fails '08006: .*closed the connection' double_read short
	ck_ok "401" fails '28000: .*HTTP status 401' double_read e401
	ck_ok "429" fails '53300: .*HTTP status 429' double_read e429
	ck_ok "500" fails 'HV000: .*HTTP status 500' double_read e500
	ck_ok "503" fails '08001: .*HTTP status 503' double_read e503
	ck_ok "no answer" double_slow hang '.*no answer within connect_timeout'
	ck_ok "an answer by drops" double_slow drip '.*no answer within connect_timeout'
	ck_ok "no answer with the secret" double_slow late_hang '.*no answer within query_timeout'
	ck_ok "a secret by drops" double_slow late_drip '.*did not send its whole reply in time'
	ck_ok "cancel while the server hangs" double_cancel hang
	ck_ok "cancel while it sends by drops" double_cancel drip
	for way in http://169.254.169.254 http://2852039166 http://0xa9fea9fe 'http://[::ffff:169.254.169.254]' \
		'http://[fe80::1]' http://100.100.100.200; do
		ck_ok "a denied address: $way" double_denied "$way"
	done
	for way in localhost ftp://localhost http://user:canary@localhost 'https://localhost/?a=canary' 'http://local host' \
		'http:/localhost:1/x://localhost'; do
		ck_ok "no address: $way" fails 'HV024: ' \
			eval "provider double connkit_vault \"address '$way'\" \"token 'x'\"; read_by double x"
	done
	for way in ok e500 short other; do
		ck_ok "nothing is left behind: $way" double_leaks $way
	done
}
