-- The manifest opensearch: see search.inc.

\set connector opensearch
\set wrapper connkit_opensearch
\set part 13
\ir search.inc
