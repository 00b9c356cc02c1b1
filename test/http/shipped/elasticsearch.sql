-- The manifest elasticsearch: see search.inc.

\set connector elasticsearch
\set wrapper connkit_elasticsearch
\set part 13
\ir search.inc
