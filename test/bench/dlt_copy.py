"""dlt_copy.py: one full replace of a table by dlt: source and its schema, target and its schema, folder."""

import sys

import dlt
from dlt.sources.sql_database import sql_table

source, schema, target, dataset, folder = sys.argv[1:]
table = sql_table(
    credentials=source,
    schema=schema,
    table="item",
    backend="connectorx",
    backend_kwargs={"return_type": "arrow_stream"},
    chunk_size=100000,
    reflection_level="full_with_precision",
)
pipeline = dlt.pipeline(
    pipeline_name=dataset,
    pipelines_dir=folder,
    destination=dlt.destinations.postgres(target, create_indexes=True),
    dataset_name=dataset,
)
pipeline.run(table, write_disposition="replace", primary_key="id", loader_file_format="parquet").raise_on_failed_jobs()
