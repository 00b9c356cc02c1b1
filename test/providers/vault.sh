# vault.sh: cases of connkit_vault on a Vault server; functions, to be sourced by run.sh.

# The server's API: method, path, body.
vault_api()
{
	curl -s --cacert "$CK_CA" -X "$1" -H "X-Vault-Token: ${VAULT_TOKEN:-}" ${3:+-d "$3"} "https://localhost:$VAULT_PORT/v1/$2"
}

# The first string of that name in JSON on the input.
json_text()
{
	grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4
}

vault_unseal()
{
	vault_api PUT sys/unseal "{\"key\": \"$VAULT_KEY\"}" | grep -q '"sealed":false' &&
		ck_wait 20 $$ eval 'vault_api GET sys/health | grep -q "\"standby\":false"'
}

# A token for a policy; further members of the request.
vault_new_token()
{
	vault_api POST auth/token/create "{\"policies\": [\"$1\"]${2:+, $2}}" | json_text client_token
}

# Writes a password as the next version of a secret.
vault_put()
{
	vault_api POST "secret/data/$1" "{\"data\": $2}" >/dev/null
}

vault_start()
{
	local init

	VAULT_PORT=$(ck_spare_port)
	server_start vault 'curl -s --cacert $CK_CA https://localhost:$VAULT_PORT/v1/sys/health' \
		"$CK_VAULT" "127.0.0.1:$VAULT_PORT" "$CK_TMP/tls/server.crt" "$CK_TMP/tls/server.key" || return 1
	init=$(vault_api PUT sys/init '{"secret_shares": 1, "secret_threshold": 1}')
	VAULT_TOKEN=$(json_text root_token <<<"$init")
	VAULT_KEY=$(grep -o '"keys":\["[^"]*' <<<"$init" | cut -d '"' -f 4)
	vault_unseal || return 1
	vault_api POST sys/mounts/secret '{"type": "kv", "options": {"version": "2"}}'
	vault_api POST sys/mounts/plain '{"type": "kv", "options": {"version": "1"}}'
	vault_api POST sys/auth/approle '{"type": "approle"}'
	vault_api PUT sys/policies/acl/shop '{"policy": "path \"secret/data/shop/*\" { capabilities = [\"read\"] }"}'
	vault_api POST auth/approle/role/shop '{"token_policies": "shop", "token_ttl": "60s"}'
	ck_wait 20 $$ eval 'vault_put shop/db "{\"value\": \"$PASSWORD\", \"wrong\": \"canary\", \"number\": 5}" &&
		vault_api GET secret/data/shop/db | grep -q version'
	ROLE_ID=$(vault_api GET auth/approle/role/shop/role-id | json_text role_id)
	SECRET_ID=$(vault_api POST auth/approle/role/shop/secret-id | json_text secret_id)
	[ -n "$SECRET_ID" ]
}

# The provider by the wrapper's options; without a second argument, with a new token for the policy shop.
vault_provider()
{
	provider vault connkit_vault "address 'https://localhost:$VAULT_PORT', sslrootcert '$CK_CA'${1:+, $1}" \
		"${2:-token '$(vault_new_token shop)'}"
}

# A read and, in the same backend, another one in a new connection after a change at the source and in Vault.
vault_rotation()
{
	local password=$(openssl rand -hex 12) seen

	cat >"$CK_TMP/rotate.sh" <<-END
		curl -s --cacert $CK_CA -X POST -H "X-Vault-Token: $VAULT_TOKEN" -d '{"data": {"value": "$password"}}' \
			https://localhost:$VAULT_PORT/v1/secret/data/shop/db
		$CK_BIN/psql -X -h $CK_SOURCE_PGHOST -p $CK_SOURCE_PGPORT -U postgres -d source \
			-c "ALTER ROLE ck_linked PASSWORD '$password'" \
			-c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ck_linked'"
	END
	sql -c "SELECT connkit_link_secret('linked', 'vault', 'shop/db')"
	seen=$(grep -c 'password authentication failed for user "ck_linked"' "$CK_TMP/source/log")
	is "ck_linked ck_linked" sql <<-END || return 1
		SET connkit.secret_cache = $1;
		SELECT who FROM there \gset a
		\! bash $CK_TMP/rotate.sh >$CK_TMP/rotate.log 2>&1; sleep $2
		SELECT who FROM there \gset b
		\echo :awho :bwho
	END
	is $((seen + $3)) grep -c 'password authentication failed for user "ck_linked"' "$CK_TMP/source/log"
}

# A token that is good for a moment, in its second half, lives on after a read.
vault_renewal()
{
	local token=$(vault_new_token shop '"period": "8s"')

	vault_provider "" "token '$token'"
	sleep 5
	is ck_linked read_by vault shop/db
	sleep 4
	is ck_linked read_by vault shop/db
}

vault_expired()
{
	vault_provider "" "token '$(vault_new_token shop '"ttl": "1s"')'"
	sleep 2
	fails '28000: .*source "vault": the token is not valid, or has expired' read_by vault shop/db
}

# The value of an AppRole with a token of one second is kept no longer.
vault_lifetime()
{
	vault_api POST auth/approle/role/short '{"token_policies": "shop", "token_ttl": "1s"}'
	vault_provider "auth 'approle'" "role_id '$(vault_api GET auth/approle/role/short/role-id | json_text role_id)',
		secret_id '$(vault_api POST auth/approle/role/short/secret-id | json_text secret_id)'"
	vault_rotation 300 1.5 0
}

# A token without the policy default may ask for nothing but its secrets.
vault_bare_token()
{
	vault_provider "" "token '$(vault_new_token shop '"no_default_policy": true')'"
	is ck_linked read_by vault shop/db
	fails '28000: .*has no right to this path' read_by vault other/db
}

vault_token_by_secret()
{
	sql -c "SELECT connkit_set_secret('vault_token', '$(vault_new_token shop)', hosts => '{localhost:$VAULT_PORT}')" \
		>/dev/null
	vault_provider "" "token_secret 'vault_token'"
	is ck_linked read_by vault shop/db
}

vault_sealed()
{
	vault_provider
	vault_api PUT sys/seal
	fails '08001: .*the server is sealed' read_by vault shop/db && vault_unseal && is ck_linked read_by vault shop/db
}

vault_deleted()
{
	vault_put shop/gone '{"value": "x"}'
	vault_api DELETE secret/data/shop/gone
	fails 'version 1 of the secret "shop/gone" was deleted' read_by vault shop/gone || return 1
	vault_api PUT secret/destroy/shop/gone '{"versions": [1]}'
	fails 'version 1 of the secret "shop/gone" was destroyed' read_by vault shop/gone
}

# connkit_test() of the provider: stage and outcome.
vault_probe()
{
	sql -c "SELECT string_agg(stage || ' ' || outcome, ', ') FROM connkit_test('vault')"
}

test_vault()
{
	local all="options ok, resolve ok, connect ok, tls ok, authenticate ok, query ok, privileges"

	begins "a Vault server starts" vault_start || return
	vault_provider
	ck_ok "a token reads a secret" is ck_linked read_by vault shop/db
	ck_ok "a field that is named" is ck_linked read_by vault shop/db#value
	ck_ok "a version that is named" is ck_linked read_by vault 'shop/db#value?version=1'
	ck_ok "version and field in the other order" is ck_linked read_by vault 'shop/db?version=1#value'
	ck_ok "a value that is wrong is refused by the source" fails '28000: .*source "source"' read_by vault shop/db#wrong
	ck_ok "no such secret" fails 'source "vault": there is no secret "shop/nowhere"' read_by vault shop/nowhere
	ck_ok "no such version" fails 'there is no secret "shop/db", or not this version' read_by vault 'shop/db?version=99'
	ck_ok "no such field" fails 'the secret has no field "nothing"' read_by vault shop/db#nothing
	ck_ok "a number is no password" fails "the secret's value is not a string" read_by vault shop/db#number
	ck_ok "a reference with an unknown part" fails 'HV024: .*part that is empty or not known' read_by vault 'shop/db?raw=1'
	ck_ok "a reference with a version that is none" fails 'HV024: ' read_by vault 'shop/db?version=1%261'
	ck_ok "a reference that leads out of the mount" fails 'HV024: ' read_by vault '../../sys/health'
	ck_ok "a deleted and a destroyed version" vault_deleted
	vault_put 'shop/odd%20n%C3%A4me%23' "{\"k&y\": \"$PASSWORD\"}"
	ck_ok "a path of odd letters" fails 'there is no secret "shop/odd näme"' read_by vault 'shop/odd näme#k&y'
	vault_put 'shop/odd%20n%C3%A4me' "{\"k&y\": \"$PASSWORD\"}"
	ck_ok "a path and a field of odd letters" is ck_linked read_by vault 'shop/odd näme#k&y'
	ck_ok "no right to the path" fails '42501: .*the token may not read the secret "other/db"' read_by vault other/db
	ck_ok "connkit_test" is "$all ok" vault_probe
	vault_provider "" "token '$VAULT_TOKEN'"
	ck_ok "connkit_test warns of a token that may write" is "$all warning" vault_probe
	vault_provider "mount 'plain'" "token '$VAULT_TOKEN'"
	vault_api POST plain/data/shop '{"value": "x"}'
	ck_ok "a store of version 1" fails 'not one of a key-value store of version 2' read_by vault shop
	vault_provider "mount 'nowhere'" "token '$VAULT_TOKEN'"
	ck_ok "no such mount" fails 'the server has no secrets engine at this mount' read_by vault shop/db
	vault_provider "" "token 'hvs.canary'"
	ck_ok "a wrong token" fails '28000: .*the token is not valid, or has expired' read_by vault shop/db
	ck_ok "a token of two lines" fails 'HV024: .*is more than one line' \
		eval "vault_provider '' \"token E'a\\nX-More: b'\"; read_by vault shop/db"
	ck_ok "no token" fails '28000: .*no token is given' eval "vault_provider '' \"role_id 'x'\"; read_by vault shop/db"
	ck_ok "an expired token" vault_expired
	ck_ok "a token of no other right" vault_bare_token
	ck_ok "a periodic token is renewed" vault_renewal
	ck_ok "a token that is a secret itself" vault_token_by_secret

	vault_provider "auth 'approle'" "role_id '$ROLE_ID', secret_id '$SECRET_ID'"
	ck_ok "an AppRole reads a secret" is ck_linked read_by vault shop/db
	ck_ok "connkit_test of an AppRole" is "$all ok" vault_probe
	vault_provider "auth 'approle'" "role_id '$ROLE_ID', secret_id 'canary'"
	ck_ok "a wrong secret_id" fails '28000: .*the server refused the AppRole' read_by vault shop/db
	vault_provider "auth 'approle', approle_mount 'nowhere'" "role_id '$ROLE_ID', secret_id '$SECRET_ID'"
	ck_ok "a wrong mount of AppRole" fails '28000: .*the server refused the AppRole' read_by vault shop/db

	vault_provider
	ck_ok "a password changed: the source refuses, and the new one is read at once" vault_rotation 300 0 1
	ck_ok "a password changed: the new one is read once the cache has expired" vault_rotation 1 1.5 0
	ck_ok "a value is kept no longer than the token lives" vault_lifetime

	provider vault connkit_vault "address 'https://127.0.0.1:$VAULT_PORT', sslrootcert '$CK_CA'" "token '$VAULT_TOKEN'"
	ck_ok "TLS with a wrong name" fails '08001: .*no TLS with "127.0.0.1"' read_by vault shop/db
	provider vault connkit_vault "address 'https://127.0.0.1:$VAULT_PORT', sslrootcert '$CK_CA', sslmode 'verify-ca'" \
		"token '$VAULT_TOKEN'"
	ck_ok "TLS with a wrong name and verify-ca" is ck_linked read_by vault shop/db
	vault_provider "sslmode 'require'"
	ck_ok "connkit_test warns where nothing is verified" is "${all/tls ok/tls warning} ok" vault_probe
	provider vault connkit_vault "address 'https://localhost:$VAULT_PORT', sslrootcert '$CK_OTHER_CA'" "token '$VAULT_TOKEN'"
	ck_ok "TLS with a wrong authority" fails '08001: .*no TLS with "localhost"' read_by vault shop/db
	provider vault connkit_vault "address 'https://localhost:$VAULT_PORT'" "token '$VAULT_TOKEN'"
	ck_ok "TLS with the system's authorities" fails '08001: .*no TLS with "localhost"' read_by vault shop/db
	provider vault connkit_vault "address 'https://localhost:$VAULT_PORT', sslrootcert '/nowhere'" "token '$VAULT_TOKEN'"
	ck_ok "no file of authorities" fails '08001: .*authorities to trust cannot be read' read_by vault shop/db
	vault_provider "sslcert '$CK_CA', sslkey '$CK_TMP/tls/nothing.key'"
	ck_ok "no client's key" fails "08001: .*the client's certificate or its key cannot be used" read_by vault shop/db
	provider vault connkit_vault "address 'http://localhost:$VAULT_PORT'" "token '$VAULT_TOKEN'"
	ck_ok "http where https is spoken" fails '08P01: .*is not Vault or OpenBao' read_by vault shop/db
	provider vault connkit_vault "address 'https://localhost:$CK_SOURCE_PGPORT'" "token '$VAULT_TOKEN'"
	ck_ok "https where neither is spoken" fails '08001: .*no TLS with "localhost"' read_by vault shop/db

	ck_ok "a sealed server, and unsealed" vault_sealed
	vault_provider
	ck_stop vault
	ck_ok "a server that is stopped" fails '08001: .*could not connect to "localhost", port [0-9]+: Connection refused' \
		read_by vault shop/db
}
