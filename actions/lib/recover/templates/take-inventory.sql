«# The scripts are for psql, read an inventory from standard input, and need nothing of ours. The CSV options are those
under which a line of JSON is one field: neither byte can stand in JSON unescaped.»
\set ON_ERROR_STOP on
create temp table inventory (document text);
\copy inventory from pstdin with (format csv, delimiter E'\x01', quote E'\x02')
