«# Says which entries of schema.list are wanted: what the target has already is its own, what it cannot have is named.»
«take-inventory.sql»
«session.sql»
create temp table line (place int generated always as identity, line text);
\copy line (line) from 'schema.list' with (format csv, delimiter E'\x01', quote E'\x02')
«objects.sql»
create temp table entry as
  select place, m[1] as id, m[2] as class, m[3] as oid, m[4] as rest
    from (select place, regexp_match(line, '^([0-9]+); ([0-9]+) ([0-9]+) (.*)$') as m from line) l where m is not null;
create temp table missing as
  select identity from object where kind = 'extension'
     and trim(both '"' from identity) not in (select name from pg_available_extensions);
do $$ declare one text; begin
  for one in select identity from missing loop raise warning 'extension % is not to be had here, and left out', one; end loop;
end $$;
-- A schema that only an extension asks for: a project that does not have the extension does not have it either.
create temp table home as
  select substring(definition from ' schema (.*)$') as identity from object
   where kind = 'extension' and identity not in (select identity from missing);
create temp table kept as
  select e.place, e.id from entry e left join object o on o.class = e.class and o.oid = e.oid and e.class <> '0'
   where case
     when o.kind = 'default acl' then not (o.platform and not (select rolsuper from pg_roles where rolname = current_user))
     when o.kind is not null then not exists (select from there t where t.kind = o.kind and t.identity = o.identity)
       and not (o.platform and not (select rolsuper from pg_roles where rolname = current_user) and o.kind <> 'extension'
         and not (o.kind = 'schema' and o.identity in (select identity from home)))
       and not (o.kind = 'extension' and o.identity in (select identity from missing))
     when e.rest ~ '^COMMENT - EXTENSION ' then
       not exists (select from missing m where e.rest like 'COMMENT - EXTENSION ' || m.identity || ' %')
       and (select rolsuper from pg_roles where rolname = current_user)
     when (select rolsuper from pg_roles where rolname = current_user) then true
     else not exists (select from managed m where
       e.rest ~ ('^[A-Z ]+ ' || m.name || ' (?!POLICY |TRIGGER )') or
       e.rest ~ ('^(ACL|COMMENT) - SCHEMA ' || m.name || ' '))
   end;
\copy (select id || ';' from kept order by place) to 'schema.use'
