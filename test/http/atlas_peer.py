"""atlas_peer.py: the double of Atlas, at the given address, as the client library of PyPI reads it."""
import sys

from apache_atlas.client.base_client import AtlasClient
from apache_atlas.model.misc import SearchFilter

client = AtlasClient(sys.argv[1], ("admin", "secret"))
tables = []
for offset in range(0, 40, 10):
	tables += client.discovery.basic_search("hive_table", None, None, False, limit=10, offset=offset).entities or []
lineage = client.lineage.get_lineage_info("g-1", "BOTH", 3)
checks = {
	"types": [header["name"] for header in client.typedef.get_all_typedef_headers(SearchFilter())] == ["hive_table", "hive_process"],
	"entities": len(tables) == 25 and {entity.typeName for entity in tables} == {"hive_table"},
	"an entity": client.entity.get_entity_by_guid("g-7").entity.attributes["qualifiedName"] == "db.table7@cl",
	"a query": len(client.discovery.dsl_search_with_params("from hive_table", 100, 0).entities) == 11,
	"lineage": [(edge.fromEntityId, edge.toEntityId) for edge in lineage.relations] == [("g-1", "p-0"), ("p-0", "g-2")],
}
for name, good in checks.items():
	print("%sok - the double of Atlas, read by its client: %s" % ("" if good else "not ", name))
sys.exit(not all(checks.values()))
