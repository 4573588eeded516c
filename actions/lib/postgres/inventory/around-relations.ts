import { firstUserOid, objectQuery, ownSchema, placedByUser } from "./object-query.ts";

/** Schemas. `public` is listed only when somebody changed it, so it is never demanded of a dump. */
export const schemasQuery = objectQuery(`
  select 'pg_namespace'::regclass::oid as classid, n.oid, n.nspowner as owner,
         coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl, '' as definition, n.nspname <> 'public' as listed
    from pg_namespace n
   where ${ownSchema("n")}`);

/** Extensions; plpgsql is there from the start and in no dump. */
export const extensionsQuery = objectQuery(`
  select 'pg_extension'::regclass::oid as classid, e.oid, e.extowner as owner, null::aclitem[] as acl,
         format('version %s schema %I', e.extversion, n.nspname) as definition, e.extname <> 'plpgsql' as listed
    from pg_extension e
    join pg_namespace n on n.oid = e.extnamespace`);

export const eventTriggersQuery = objectQuery(`
  select 'pg_event_trigger'::regclass::oid as classid, t.oid, t.evtowner as owner, null::aclitem[] as acl,
         concat_ws(' ', t.evtevent, t.evtfoid::regprocedure, 'enabled ' || t.evtenabled::text,
           (select 'tags ' || string_agg(g, ', ' order by g collate "C") from unnest(t.evttags) g)) as definition,
         true as listed
    from pg_event_trigger t`);

/** Publications with the tables (columns, filters) and schemas that they publish. */
export const publicationsQuery = objectQuery(`
  select 'pg_publication'::regclass::oid as classid, p.oid, p.pubowner as owner, null::aclitem[] as acl,
         concat_ws(chr(10),
           concat_ws(' ', case when p.puballtables then 'all tables' end, case when p.pubinsert then 'insert' end,
             case when p.pubupdate then 'update' end, case when p.pubdelete then 'delete' end,
             case when p.pubtruncate then 'truncate' end, case when p.pubviaroot then 'via root' end),
           (select string_agg(concat_ws(' ', '  table', r.prrelid::regclass,
                     '(' || (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
                              where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)) || ')',
                     'where ' || pg_get_expr(r.prqual, r.prrelid)), chr(10) order by r.prrelid::regclass::text collate "C")
              from pg_publication_rel r where r.prpubid = p.oid),
           (select string_agg('  schema ' || quote_ident(s.nspname), chr(10) order by s.nspname collate "C")
              from pg_publication_namespace pn join pg_namespace s on s.oid = pn.pnnspid where pn.pnpubid = p.oid))
           as definition,
         true as listed
    from pg_publication p`);

/**
 * Subscriptions of this database. Their connection strings hold passwords and are shown to superusers only: they are never
 * read. As anybody else pg_dump leaves subscriptions out, so none is demanded of a dump.
 */
export const subscriptionsQuery = objectQuery(`
  select 'pg_subscription'::regclass::oid as classid, s.oid, s.subowner as owner, null::aclitem[] as acl,
         concat_ws(' ', 'PUBLICATION',
           (select string_agg(quote_ident(p), ', ' order by p collate "C") from unnest(s.subpublications) p),
           'WITH (slot_name = ' || coalesce(quote_literal(s.subslotname), 'NONE') || ')') as definition,
         false as listed
    from pg_subscription s
   where s.subdbid = (select d.oid from pg_database d where d.datname = current_database())`);

export const foreignQueries = [
  objectQuery(`
    select 'pg_foreign_data_wrapper'::regclass::oid as classid, w.oid, w.fdwowner as owner,
           coalesce(w.fdwacl, acldefault('F', w.fdwowner)) as acl,
           concat_ws(' ', nullif(w.fdwhandler, 0)::regproc, nullif(w.fdwvalidator, 0)::regproc,
             (select string_agg(o, ', ' order by o collate "C") from unnest(w.fdwoptions) o)) as definition,
           true as listed
      from pg_foreign_data_wrapper w`),
  objectQuery(`
    select 'pg_foreign_server'::regclass::oid as classid, s.oid, s.srvowner as owner,
           coalesce(s.srvacl, acldefault('S', s.srvowner)) as acl,
           concat_ws(' ', (select quote_ident(w.fdwname) from pg_foreign_data_wrapper w where w.oid = s.srvfdw), s.srvtype,
             s.srvversion, (select string_agg(o, ', ' order by o collate "C") from unnest(s.srvoptions) o)) as definition,
           true as listed
      from pg_foreign_server s`),
  // Options of user mappings hold passwords, and Postgres shows them to nobody but their owner.
  objectQuery(`
    select 'pg_user_mapping'::regclass::oid as classid, m.umid as oid, 0::oid as owner, null::aclitem[] as acl,
           '' as definition, false as listed
      from pg_user_mappings m`),
];

export const accessMethodsQuery = objectQuery(`
  select 'pg_am'::regclass::oid as classid, a.oid, 0::oid as owner, null::aclitem[] as acl,
         concat_ws(' ', a.amtype, a.amhandler) as definition, true as listed
    from pg_am a where a.oid >= ${firstUserOid}`);

/** Default privileges: what they add to (or, for a whole role, put in place of) the built-in ones. */
export const defaultPrivilegesQuery = objectQuery(
  `
  select 'pg_default_acl'::regclass::oid as classid, d.oid, d.defaclrole as owner, d.defaclacl as acl,
         '' as definition, true as listed,
         n.nspname as home, 0::oid as part_of
    from pg_default_acl d
    left join pg_namespace n on n.oid = d.defaclnamespace`,
  "part",
);

export const largeObjectsQuery = objectQuery(`
  select 'pg_largeobject'::regclass::oid as classid, m.oid, m.lomowner as owner,
         coalesce(m.lomacl, acldefault('L', m.lomowner)) as acl, '' as definition, false as listed
    from pg_largeobject_metadata m`);

/** The database itself, under one name wherever it is restored. Settings are kept apart (databaseSettings). */
export const databaseQuery = `
  select 'database' as kind, 'current' as identity, null as schema, q."classId", q.oid, q.owner,
         format('encoding %s', pg_encoding_to_char(db.encoding)) as definition, q.grants,
         shobj_description(db.oid, 'pg_database') as comment, null as extension, false as listed
    from (${objectQuery(`
      select 'pg_database'::regclass::oid as classid, d.oid, d.datdba as owner,
             coalesce(d.datacl, acldefault('d', d.datdba)) as acl, '' as definition, false as listed
        from pg_database d where d.datname = current_database()`)}) q
    join pg_database db on db.datname = current_database()`;

/** `oid` is the part's: what hangs on a table of Postgres' own counts when somebody has made it. */
const ofRelation = (oid: string) => `c.relpersistence <> 't' and ${placedByUser("n", oid)}`;

/**
 * Constraints of tables and domains. pg_dump lists a constraint by itself when it is a key, an exclusion, a foreign key
 * or not valid; a valid check travels inside its table or domain, an inherited one inside its parent (pg_dump.c).
 * `not enforced`: somebody has switched its triggers off (DISABLE TRIGGER ALL), which no dump carries.
 */
export const constraintsQuery = objectQuery(
  `
  select 'pg_constraint'::regclass::oid as classid, k.oid, 0::oid as owner, null::aclitem[] as acl,
         concat_ws(' ', pg_get_constraintdef(k.oid),
           case when not k.conislocal then 'inherited' end,
           case when k.contype = 'c' and k.connoinherit then 'no inherit' end,
           case when exists (select from pg_trigger t where t.tgconstraint = k.oid and t.tgisinternal and t.tgenabled = 'D')
                then 'not enforced' end,
           (select 'using index ' || quote_ident(i.relname) ||
                   case when x.indisclustered then ' clustered' else '' end ||
                   case when x.indisreplident then ' replica identity' else '' end ||
                   coalesce(' tablespace ' || ts.spcname, '')
              from pg_class i join pg_index x on x.indexrelid = i.oid
              left join pg_tablespace ts on ts.oid = i.reltablespace
             where i.oid = k.conindid and k.contype in ('p', 'u', 'x'))) as definition,
         k.conparentid = 0 and (k.contype in ('p', 'u', 'x', 'f') or (k.contype = 'c' and not k.convalidated and k.conislocal))
           as listed,
         n.nspname as home, coalesce(c.oid, 0) as part_of
    from pg_constraint k
    join pg_namespace n on n.oid = k.connamespace
    left join pg_class c on c.oid = k.conrelid
   where k.contype in ('p', 'u', 'x', 'f', 'c') and coalesce(c.relpersistence, 'p') <> 't' and ${placedByUser("n", "k.oid")}`,
  "part",
);

/** Indexes that are not the body of a constraint. pg_dump leaves invalid ones out (pg_dump.c, getIndexes). */
export const indexesQuery = objectQuery(
  `
  select 'pg_class'::regclass::oid as classid, i.oid, i.relowner as owner, null::aclitem[] as acl,
         concat_ws(' ', pg_get_indexdef(i.oid),
           case when not x.indisvalid then 'invalid' end,
           case when x.indisclustered then 'clustered' end,
           case when x.indisreplident then 'replica identity' end,
           (select 'statistics ' || string_agg(a.attnum || '=' || (to_jsonb(a)->>'attstattarget'), ',' order by a.attnum)
              from pg_attribute a
             where a.attrelid = i.oid and (to_jsonb(a)->>'attstattarget')::int >= 0),
           (select 'partition of ' || h.inhparent::regclass::text from pg_inherits h where h.inhrelid = i.oid),
           case when i.reltablespace <> 0 then 'tablespace ' ||
             (select spcname from pg_tablespace where oid = i.reltablespace) end) as definition,
         (x.indisvalid and x.indisready) or c.relkind = 'p' as listed,
         n.nspname as home, c.oid as part_of
    from pg_index x
    join pg_class i on i.oid = x.indexrelid
    join pg_class c on c.oid = x.indrelid
    join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'm') and ${ofRelation("i.oid")}
     and not exists (select from pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u', 'x'))`,
  "part",
);

/** Triggers that somebody made; a partition's clone of its parent's trigger is not listed by itself. */
export const triggersQuery = objectQuery(
  `
  select 'pg_trigger'::regclass::oid as classid, t.oid, 0::oid as owner, null::aclitem[] as acl,
         pg_get_triggerdef(t.oid) || case t.tgenabled when 'O' then '' when 'D' then ' disabled'
           when 'A' then ' always' when 'R' then ' replica' end as definition,
         t.tgparentid = 0 as listed,
         n.nspname as home, c.oid as part_of
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
   where not t.tgisinternal and ${ofRelation("t.oid")}`,
  "part",
);

export const policiesQuery = objectQuery(
  `
  select 'pg_policy'::regclass::oid as classid, p.oid, 0::oid as owner, null::aclitem[] as acl,
         concat_ws(' ', case when p.polpermissive then 'permissive' else 'restrictive' end,
           'for', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                    when 'd' then 'delete' else 'all' end,
           'to', (select string_agg(case when r = 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', '
                           order by case when r = 0 then 'public' else pg_get_userbyid(r) end collate "C")
                    from unnest(p.polroles) r),
           'using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
           'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') as definition,
         true as listed,
         n.nspname as home, c.oid as part_of
    from pg_policy p
    join pg_class c on c.oid = p.polrelid
    join pg_namespace n on n.oid = c.relnamespace
   where ${ofRelation("p.oid")}`,
  "part",
);

export const rulesQuery = objectQuery(
  `
  select 'pg_rewrite'::regclass::oid as classid, r.oid, 0::oid as owner, null::aclitem[] as acl,
         pg_get_ruledef(r.oid) || case r.ev_enabled when 'O' then '' else ' enabled ' || r.ev_enabled::text end
           as definition,
         true as listed,
         n.nspname as home, c.oid as part_of
    from pg_rewrite r
    join pg_class c on c.oid = r.ev_class
    join pg_namespace n on n.oid = c.relnamespace
   where r.rulename <> '_RETURN' and r.oid >= ${firstUserOid} and ${ofRelation("r.oid")}`,
  "part",
);

export const statisticsQuery = objectQuery(`
  select 'pg_statistic_ext'::regclass::oid as classid, s.oid, s.stxowner as owner, null::aclitem[] as acl,
         concat_ws(' ', pg_get_statisticsobjdef(s.oid),
           case when (to_jsonb(s)->>'stxstattarget')::int >= 0 then 'statistics ' || (to_jsonb(s)->>'stxstattarget') end)
           as definition,
         true as listed
    from pg_statistic_ext s
    join pg_namespace n on n.oid = s.stxnamespace
   where ${placedByUser("n", "s.oid")}`);
