"""keboola_peer.py: the double of Keboola, at the given address, as the client library of PyPI reads it; it writes into its folder."""
import os
import sys

os.environ["AWS_ENDPOINT_URL"] = sys.argv[1]
from kbcstorage.client import Client

WANTED = ('"1","plain","a"\n"4","žluťoučký kůň","d"\n"7","back\\slash","g"\n"2","with ""quotes"", commas",""\n"5","","\\N"\n'
	'"3","two\nlines",\n"6"," blanks ","\ufeffmark"\n').encode()
client = Client(sys.argv[1], "token-1")
checks = {
	"buckets": [bucket["id"] for bucket in client.buckets.list()] == ["in.c-aws", "in.c-azure", "in.c-gcp"],
	"tables": "in.c-azure.data" in [table["id"] for table in client.tables.list(include=["columns"])],
}
for store in ("azure", "aws"):
	os.makedirs(store, exist_ok=True)
	name = client.tables.export_to_file("in.c-%s.data" % store, store, is_gzip=False)
	with open(name, "rb") as file:
		checks["an export of " + store] = file.read() == b'"id","text","more"\n' + WANTED
	name = client.tables.export_to_file("in.c-%s.data" % store, store, is_gzip=False, columns=["more", "id"])
	with open(name, "rb") as file:
		checks["columns of " + store] = file.read().startswith(b'"more","id"\n"a","1"\n"d","4"\n')
for name, good in checks.items():
	print("%sok - the double of Keboola, read by its client: %s" % ("" if good else "not ", name))
sys.exit(not all(checks.values()))
