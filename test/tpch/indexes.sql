-- indexes.sql: an index for each foreign key that no primary key serves.

CREATE INDEX n_region ON nation (n_regionkey);
CREATE INDEX s_nation ON supplier (s_nationkey);
CREATE INDEX c_nation ON customer (c_nationkey);
CREATE INDEX ps_supplier ON partsupp (ps_suppkey);
CREATE INDEX o_customer ON orders (o_custkey);
CREATE INDEX l_part_supplier ON lineitem (l_partkey, l_suppkey);
CREATE INDEX l_supplier ON lineitem (l_suppkey);
