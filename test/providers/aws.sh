# aws.sh: cases of connkit_aws_secrets on moto, which checks signatures and policies; functions, to be sourced by run.sh.

# Makes a user with a policy, another without, temporary credentials and secrets, and prints what they are.
aws_prepare()
{
	"$CK_PYTHON/python" - "http://127.0.0.1:$AWS_PORT" "$PASSWORD" <<-'END'
		import boto3, json, sys
		common = dict(endpoint_url=sys.argv[1], region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
		iam, sts, manager = (boto3.client(name, **common) for name in ("iam", "sts", "secretsmanager"))
		policy = json.dumps({"Version": "2012-10-17", "Statement": [
		    {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}]})
		for user in ("reader", "nobody"):
		    iam.create_user(UserName=user)
		    key = iam.create_access_key(UserName=user)["AccessKey"]
		    print(key["AccessKeyId"], key["SecretAccessKey"])
		iam.put_user_policy(UserName="reader", PolicyName="secrets", PolicyDocument=policy)
		role = iam.create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]
		iam.put_role_policy(RoleName="role", PolicyName="secrets", PolicyDocument=policy)
		key = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
		print(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
		arn = manager.create_secret(Name="shop/db", SecretString="old")["ARN"]
		manager.put_secret_value(SecretId="shop/db", SecretString=sys.argv[2])
		manager.create_secret(Name="object", SecretString=json.dumps({"user": "x", "password": sys.argv[2], "number": 5}))
		manager.create_secret(Name="binary", SecretBinary=b"canary")
		manager.create_secret(Name="deleted", SecretString="canary")
		manager.delete_secret(SecretId="deleted")
		print(arn)
	END
}

aws_start()
{
	local prepared

	AWS_PORT=$(ck_spare_port)
	server_start moto '(exec 3<>/dev/tcp/127.0.0.1/$AWS_PORT)' "$CK_PYTHON/moto_server" -H 127.0.0.1 -p "$AWS_PORT" || return 1
	prepared=$(aws_prepare) && ck_source_psql source -c "ALTER ROLE ck_linked PASSWORD '$PASSWORD'" || return 1
	{
		read -r AWS_KEY AWS_SECRET
		read -r AWS_NOBODY AWS_NOBODY_SECRET
		read -r AWS_TEMPORARY AWS_TEMPORARY_SECRET AWS_TOKEN
		read -r AWS_ARN
	} <<<"$prepared"
	# from now on, who asks must prove himself
	curl -s -X POST -H "Content-Type: text/plain" -d 0 "http://127.0.0.1:$AWS_PORT/moto-api/reset-auth" | grep -q PREVIOUS
}

# The provider: access key, its secret, session token, further server options.
aws_provider()
{
	provider aws connkit_aws_secrets "region 'eu-central-1', endpoint 'http://localhost:$AWS_PORT'${4:+, $4}" \
		"access_key_id '$1', secret_access_key '$2'${3:+, session_token '$3'}"
}

aws_double()
{
	provider aws connkit_aws_secrets "region 'eu-central-1', endpoint 'http://localhost:$DOUBLE_PORT', query_timeout '2'" \
		"access_key_id 'x', secret_access_key 'y'"
	read_by aws "$1"
}

aws_rotation()
{
	local password=$(openssl rand -hex 12)

	ck_source_psql source -c "ALTER ROLE ck_linked PASSWORD '$password'"
	fails '28000: .*source "source"' read_by aws shop/db || return 1
	"$CK_PYTHON/python" - "http://127.0.0.1:$AWS_PORT" "$AWS_KEY" "$AWS_SECRET" "$password" <<-'END'
		import boto3, sys
		boto3.client("secretsmanager", endpoint_url=sys.argv[1], region_name="eu-central-1", aws_access_key_id=sys.argv[2],
		             aws_secret_access_key=sys.argv[3]).put_secret_value(SecretId="shop/db", SecretString=sys.argv[4])
	END
	is ck_linked read_by aws shop/db
}

test_aws()
{
	begins "moto starts" aws_start || return
	aws_provider "$AWS_KEY" "$AWS_SECRET"
	ck_ok "an access key reads a secret" is ck_linked read_by aws shop/db
	ck_ok "by its ARN" is ck_linked read_by aws "$AWS_ARN"
	ck_ok "a field of a JSON object" is ck_linked read_by aws object#password
	ck_ok "a stage that is named" is ck_linked read_by aws 'shop/db?stage=AWSCURRENT'
	ck_ok "the stage before has the old value" fails '28000: .*source "source"' read_by aws 'shop/db?stage=AWSPREVIOUS'
	ck_ok "no such version" fails 'HV00R: .*no such secret, or not this version' \
		read_by aws 'shop/db?version=00000000-0000-0000-0000-000000000000'
	ck_ok "no such secret" fails 'HV00R: .*no such secret' read_by aws nowhere
	ck_ok "a deleted secret" fails 'HV00R: .*scheduled for deletion' read_by aws deleted
	ck_ok "a binary secret" fails '0A000: .*the secret is binary' read_by aws binary
	ck_ok "no such field" fails 'the secret has no field "nothing"' read_by aws object#nothing
	ck_ok "a field that is a number" fails 'not a string' read_by aws object#number
	ck_ok "a field of what is no object" fails 'the secret is no JSON object' read_by aws shop/db#x
	ck_ok "connkit_test" is "options ok, resolve ok, connect ok, tls warning, authenticate ok, query ok, privileges skipped" \
		sql -c "SELECT string_agg(stage || ' ' || outcome, ', ') FROM connkit_test('aws')"
	aws_provider "$AWS_KEY" canary
	ck_ok "a wrong key: the signature is refused" fails '28000: .*the service refused the signature' read_by aws shop/db
	ck_ok "connkit_test of a wrong key" is "authenticate" \
		sql -c "SELECT stage FROM connkit_test('aws') WHERE outcome = 'failed'"
	aws_provider AKIACANARY canary
	ck_ok "an unknown key" fails '28000: .*does not know the access key' read_by aws shop/db
	aws_provider "$AWS_NOBODY" "$AWS_NOBODY_SECRET"
	ck_ok "a key without the right" fails '42501: .*may not read this secret' read_by aws shop/db
	aws_provider "$AWS_TEMPORARY" "$AWS_TEMPORARY_SECRET" "$AWS_TOKEN"
	ck_ok "temporary credentials" is ck_linked read_by aws shop/db
	aws_provider "$AWS_TEMPORARY" "$AWS_TEMPORARY_SECRET" canary
	ck_ok "temporary credentials with a wrong token" fails '28000: .*does not know the access key or its token' \
		read_by aws shop/db
	aws_provider "$AWS_KEY" ""
	ck_ok "no secret key" fails '28000: .*no access key is given' read_by aws shop/db
	aws_provider "$AWS_KEY" "$AWS_SECRET"
	ck_ok "a password changed" aws_rotation
	ck_stop moto
	ck_ok "a server that is stopped" fails '08001: .*could not connect to "localhost"' read_by aws shop/db
}

# What needs only the double.
test_aws_double()
{
	ck_ok "too many requests" fails '53300: .*asks for fewer requests' aws_double throttled
	ck_ok "expired credentials" fails '28000: .*the temporary credentials have expired' aws_double expired
	ck_ok "a clock that is wrong" fails '28000: .*its clock is 9[0-9][0-9] seconds behind' aws_double late
	ck_ok "an error that is not known" fails 'HV000: .*HTTP status 400' aws_double unheard
	ck_ok "a page of a proxy" fails '08001: .*HTTP status 502' aws_double html
	ck_ok "a region that is none" fails 'HV024: .*region' \
		eval "provider aws connkit_aws_secrets \"region 'x/y'\" \"access_key_id 'x', secret_access_key 'y'\"; read_by aws x"
}
