# Who made the extension and is no superuser any more is not served with what the tables' owner may do: neither others'
# secrets nor, by a trigger that waits for the end of the transaction, the rights of the audit log's worker.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'connkit'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE former LOGIN SUPERUSER; CREATE ROLE acme LOGIN');
$node->safe_psql('postgres', 'CREATE EXTENSION connkit CASCADE', extra_params => ['-U', 'former']);
$node->safe_psql('postgres', "SELECT connkit_set_secret('s', 'x')", extra_params => ['-U', 'acme']);
$node->safe_psql('postgres', 'GRANT CREATE ON SCHEMA public TO former; ALTER ROLE former NOSUPERUSER');
$node->psql('postgres', q{
	CREATE FUNCTION public.rise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE former SUPERUSER; RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER rise AFTER INSERT ON connkit.audit_log DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION public.rise();
	SELECT connkit_set_secret('s', 'x', 'acme');
}, extra_params => ['-U', 'former']);
sleep 1;
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'former'"), 'f',
	'no trigger of his runs with the rights of the worker');
like(slurp_file($node->logfile), qr/connkit audit: .*"refused"/, 'the entry is in the server log');
my ($status, $out, $error) = $node->psql('postgres', "SELECT connkit_set_secret('s', 'y')", extra_params => ['-U', 'acme']);
like($error, qr/no superuser/, 'others are told');
$node->safe_psql('postgres', 'DROP FUNCTION rise() CASCADE; REASSIGN OWNED BY former TO ' .
	$node->safe_psql('postgres', 'SELECT quote_ident(current_user)'));
is($node->safe_psql('postgres', "SELECT connkit_set_secret('s', 'y')", extra_params => ['-U', 'acme']), '2',
	'and served again when a superuser has the tables');

$node->stop;
done_testing();
