create temp table object as
  select o ->> 'kind' as kind, o ->> 'identity' as identity, o ->> 'schema' as schema, o ->> 'classId' as class,
         o ->> 'oid' as oid, o ->> 'owner' as owner, o ->> 'extension' as extension, o ->> 'definition' as definition,
         (o ->> 'listed')::boolean as listed
    from pg_temp.inventory, json_array_elements(document::json -> 'objects') o;
create temp table managed as select unnest(array[«managedSchemas»]) as name;
create temp table there as
  select i.type as kind, i.identity
    from (select tableoid, oid from pg_am union all select tableoid, oid from pg_cast union all select tableoid, oid from pg_class union all select tableoid, oid from pg_collation union all select tableoid, oid from pg_constraint union all select tableoid, oid from pg_conversion union all select tableoid, oid from pg_default_acl union all select tableoid, oid from pg_event_trigger union all select tableoid, oid from pg_extension union all select tableoid, oid from pg_foreign_data_wrapper union all select tableoid, oid from pg_foreign_server union all select tableoid, oid from pg_language union all select tableoid, oid from pg_namespace union all select tableoid, oid from pg_opclass union all select tableoid, oid from pg_operator union all select tableoid, oid from pg_opfamily union all select tableoid, oid from pg_policy union all select tableoid, oid from pg_proc union all select tableoid, oid from pg_publication union all select tableoid, oid from pg_publication_rel union all select tableoid, oid from pg_publication_namespace union all select tableoid, oid from pg_rewrite union all select tableoid, oid from pg_statistic_ext union all select tableoid, oid from pg_transform union all select tableoid, oid from pg_trigger union all select tableoid, oid from pg_ts_config union all select tableoid, oid from pg_ts_dict union all select tableoid, oid from pg_ts_parser union all select tableoid, oid from pg_ts_template union all select tableoid, oid from pg_type
          union all select 'pg_subscription'::regclass, oid from pg_subscription
          union all select 'pg_user_mapping'::regclass, umid from pg_user_mappings) c (class, oid), pg_identify_object(class, oid, 0) i;
-- Supabase's own things come with every project of its, in that project's version.
alter table object add platform boolean;
update object o set platform = extension is not null or case
    when kind = 'policy' then false
    when kind = 'trigger' then exists (select from managed m
      where o.definition ~ ('EXECUTE FUNCTION "?' || m.name || '"?[.]') and m.name <> 'supabase_functions')
    when kind = 'schema' then identity in (select name from managed)
    when schema is null or kind = 'default acl' then owner ~ '^(supabase_|pgbouncer$|pgsodium|pgtle_admin$|dashboard_user$|authenticator$)'
    else schema in (select name from managed) and owner is distinct from 'postgres' end;
