«# The uppermost table above the partition `rel` that is partitioned by hash, or null. A restore may give what it hashes another
number (an enum's OID is one), so any partition below it may hold the rows that another had at the source.»
(select a.relid from pg_partition_ancestors(rel) with ordinality a (relid, place)
   join pg_partitioned_table p on p.partrelid = a.relid and p.partstrat = 'h' order by place desc limit 1)
