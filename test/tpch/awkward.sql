-- awkward.sql: rows that a collation takes for equal with others, or puts elsewhere, and that bytes do not.

UPDATE region SET r_name = 'europe' WHERE r_name = 'AFRICA';
UPDATE nation SET n_name = CASE n_name WHEN 'UNITED KINGDOM' THEN 'Germany' WHEN 'RUSSIA' THEN 'FRÁNCE' WHEN 'PERU' THEN 'brazil'
	WHEN 'CHINA' THEN 'cañada' ELSE n_name END;
UPDATE part SET p_brand = upper(p_brand) WHERE p_partkey % 5 = 0;
UPDATE part SET p_type = lower(p_type) WHERE p_partkey % 3 = 0;
UPDATE part SET p_type = replace(p_type, 'O', 'Ö') WHERE p_partkey % 4 = 0;
UPDATE part SET p_container = lower(p_container) WHERE p_partkey % 4 = 1;
UPDATE part SET p_name = replace(p_name, 'green', 'Green') WHERE p_partkey % 2 = 0;
UPDATE part SET p_name = initcap(p_name) WHERE p_partkey % 7 = 0;
UPDATE supplier SET s_name = lower(s_name) WHERE s_suppkey % 3 = 0;
UPDATE supplier SET s_comment = upper(s_comment) WHERE s_suppkey % 4 = 0;
UPDATE customer SET c_mktsegment = lower(c_mktsegment) WHERE c_custkey % 3 = 0;
UPDATE customer SET c_mktsegment = 'BÜILDING' WHERE c_custkey % 10 = 1;
UPDATE customer SET c_name = upper(c_name) WHERE c_custkey % 2 = 0;
UPDATE orders SET o_orderstatus = 'f' WHERE o_orderstatus = 'F' AND o_orderkey % 5 = 0;
UPDATE orders SET o_orderpriority = lower(o_orderpriority) WHERE o_orderkey % 3 = 0;
UPDATE orders SET o_comment = upper(o_comment) WHERE o_orderkey % 4 = 0;
UPDATE lineitem SET l_returnflag = lower(l_returnflag) WHERE l_linenumber = 2;
UPDATE lineitem SET l_returnflag = 'Ŕ' WHERE l_linenumber = 3 AND l_returnflag = 'R';
UPDATE lineitem SET l_shipmode = lower(l_shipmode), l_linestatus = lower(l_linestatus) WHERE l_linenumber = 4;
UPDATE lineitem SET l_shipinstruct = initcap(l_shipinstruct) WHERE l_linenumber = 1;
