«# What prints names prints them in full, and nobody's own functions are met.»
set client_min_messages = warning;
set statement_timeout = 0;
set search_path = pg_catalog;
