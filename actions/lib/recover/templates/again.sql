«# Fingerprint of what lies in pg_temp.again: rows of partitions whose columns stand in different orders, now in one order.»
«pins»
copy (select count(*), coalesce(sum(hashtextextended(a::text collate "C", 0)), 0) from pg_temp.again a) to stdout;
