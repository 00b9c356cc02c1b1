"""dlt_rest.py: one full replace of a table by dlt's rest_api source: base URL, target and its schema, folder."""

import sys

import dlt
from dlt.sources.rest_api import rest_api_source

base_url, target, dataset, folder = sys.argv[1:]
source = rest_api_source(
    {
        "client": {
            "base_url": base_url,
            "paginator": {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": None},
        },
        "resources": [
            {
                "name": "item",
                "primary_key": "id",
                "write_disposition": "replace",
                "columns": {"price": {"data_type": "decimal", "precision": 12, "scale": 2}, "ratio": {"data_type": "double"}},
                "endpoint": {"path": "items", "data_selector": "$"},
            }
        ],
    }
)
pipeline = dlt.pipeline(
    pipeline_name=dataset,
    pipelines_dir=folder,
    destination=dlt.destinations.postgres(target, create_indexes=True),
    dataset_name=dataset,
)
pipeline.run(source).raise_on_failed_jobs()
