-- An extension that keeps what users cause in a table that it does not declare to pg_dump, as several audit extensions do.
create table lab_audit.entries (id serial primary key, at timestamptz not null default now(), what text);
alter table lab_audit.entries owner to @extowner@;
create table lab_audit.kinds (kind text primary key);
insert into lab_audit.kinds values ('insert'), ('update');
alter table lab_audit.kinds owner to @extowner@;
create table lab_audit.settings (name text primary key, value text);
alter table lab_audit.settings owner to @extowner@;
select pg_catalog.pg_extension_config_dump('lab_audit.settings', '');
create function lab_audit.record(what text) returns void language sql as $$ insert into lab_audit.entries (what) values (what) $$;
