#!/usr/bin/env python3
"""atlas.py: a double of Apache Atlas, as its documentation and client library have it: 25 tables and 2 processes.

usage: atlas.py FOLDER/ writes its port to FOLDER/ports and its requests to FOLDER/requests. User admin, password secret.
"""
import base64
import http.server
import json
import sys
import urllib.parse

FOLDER = sys.argv[1]
TYPES = [{"guid": "t-%d" % i, "name": name, "serviceType": "hive", "category": "ENTITY"} for i, name in enumerate(("hive_table", "hive_process"))]
TABLES = [{"guid": "g-%d" % i, "typeName": "hive_table", "status": "DELETED" if i == 3 else "ACTIVE", "displayText": "table %d" % i,
	"attributes": {"name": "table %d" % i, "qualifiedName": "db.table%d@cl" % i}, "classificationNames": ["PII"] if i % 5 == 0 else [],
	"labels": []} for i in range(25)]
PROCESSES = [{"guid": "p-%d" % i, "typeName": "hive_process", "status": "ACTIVE", "displayText": "load %d" % i, "attributes": {}, "classificationNames": []}
	for i in range(2)]
EDGES = [("g-1", "p-0", "INPUT"), ("p-0", "g-2", "OUTPUT")]
ALL = {entity["guid"]: entity for entity in TABLES + PROCESSES}


def found(entities, query):
	offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
	reply = {"queryType": "BASIC", "approximateCount": len(entities)}
	if entities[offset:offset + limit]:
		reply["entities"] = entities[offset:offset + limit]
	return 200, reply


def lineage(guid, query):
	if guid not in ALL:
		return 404, {"errorCode": "ATLAS-404-00-005", "errorMessage": "Given instance guid %s is invalid/not found" % guid}
	edges = EDGES if guid in ("g-1", "g-2", "p-0") else []
	return 200, {"baseEntityGuid": guid, "lineageDirection": query.get("direction", "BOTH"), "lineageDepth": int(query.get("depth", 3)),
		"guidEntityMap": {end: ALL[end] for edge in edges for end in edge[:2]},
		"relations": [{"fromEntityId": a, "toEntityId": b, "relationshipId": "r-%s-%s" % (a, b)} for a, b, _ in edges]}


def answer(path, query):
	if path == "types/typedefs/headers":
		return 200, TYPES
	if path.rstrip("/") == "types/typedefs":
		return 200, {"enumDefs": [], "structDefs": [], "classificationDefs": [], "relationshipDefs": [], "entityDefs": [dict(type, description="a type",
			superTypes=["DataSet"], attributeDefs=[{"name": "name", "typeName": "string"}], createTime=1767225600000, updateTime=1767225600123)
			for type in TYPES]}
	if path == "search/basic":
		if "typeName" not in query:
			return 400, {"errorCode": "ATLAS-400-00-05D", "errorMessage": "invalid search: no type"}
		chosen = [entity for entity in ALL.values() if entity["typeName"] == query["typeName"]]
		return found([e for e in chosen if e["status"] == "ACTIVE" or query.get("excludeDeletedEntities", "").lower() == "false"], query)
	if path == "search/dsl":
		return found([e for e in TABLES if "table 1" in e["displayText"]], query) if query.get("query", "").startswith("from ") else \
			(400, {"errorCode": "ATLAS-400-00-059", "errorMessage": "Invalid DSL query"})
	if path.startswith("entity/guid/"):
		guid = path[12:]
		return (200, {"referredEntities": {}, "entity": dict(ALL[guid], createTime=1767225600000, updateTime=1767225600123, createdBy="admin",
			updatedBy="admin", relationshipAttributes={}, classifications=[])}) if guid in ALL else lineage(guid, query)
	return lineage(path[8:], query) if path.startswith("lineage/") else (404, {"errorMessage": "no such resource"})


class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"

	def do_GET(self):
		url = urllib.parse.urlsplit(self.path)
		query = dict(urllib.parse.parse_qsl(url.query))
		allowed = self.headers.get("Authorization") == "Basic " + base64.b64encode(b"admin:secret").decode()
		status, reply = (401, {}) if not allowed else (404, {}) if not url.path.startswith("/api/atlas/v2/") else \
			answer(urllib.parse.unquote(url.path[14:]), query)
		body = json.dumps(reply).encode()
		with open(FOLDER + "/requests", "a") as log:
			log.write(self.path + "\n")
		self.send_response(status)
		self.send_header("Content-Type", "application/json")
		self.send_header("Content-Length", str(len(body)))
		self.end_headers()
		self.wfile.write(body)

	def log_message(self, *_):
		pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(FOLDER + "/ports", "w") as ports:
	ports.write(str(server.server_port))
server.serve_forever()
