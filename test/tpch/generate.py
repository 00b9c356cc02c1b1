"""generate.py: writes the tables of TPC-H, as DuckDB makes them, as files of tab-separated values: scale, folder."""

import glob
import os
import sys

import duckdb
import duckdb_extension_tpch

scale, folder = sys.argv[1:]
extension = glob.glob(os.path.join(list(duckdb_extension_tpch.__path__)[0], 'extensions/*/tpch.duckdb_extension'))[0]
database = duckdb.connect()
database.execute(f"LOAD '{extension}'")
database.execute(f"CALL dbgen(sf = {float(scale)})")
for (table,) in database.execute('SHOW TABLES').fetchall():
    database.execute(f"COPY (FROM {table} ORDER BY ALL) TO '{folder}/{table}.tsv' (FORMAT csv, DELIMITER '\t', HEADER false, QUOTE '')")
