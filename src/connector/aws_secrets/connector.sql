CREATE FUNCTION connkit_aws_secrets_handler() RETURNS fdw_handler AS 'MODULE_PATHNAME', 'connkit_handler'
	LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_aws_secrets_handler() IS 'foreign-data wrapper for AWS Secrets Manager';
CREATE FUNCTION connkit_aws_secrets_validator(text[], oid) RETURNS void AS 'MODULE_PATHNAME', 'connkit_validator'
	LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_aws_secrets_validator(text[], oid) IS 'checks the options of AWS Secrets Manager';
CREATE FOREIGN DATA WRAPPER connkit_aws_secrets HANDLER connkit_aws_secrets_handler VALIDATOR connkit_aws_secrets_validator;
COMMENT ON FOREIGN DATA WRAPPER connkit_aws_secrets IS 'AWS Secrets Manager, which keeps secrets for other sources';
