do $lifeboat$
declare
  rule record;
  over record;
  leaf record;
  missing text;
  fingerprint text;
  assignments text;
  gone_rows int8;
  gone_hash numeric;
  came_rows int8;
  came_hash numeric;
begin
  for rule in select * from pg_temp.lifeboat_erasure_rule order by depth desc, number
  loop
    -- Without the table there are no rows of it.
    continue when to_regclass(rule.place) is null;
    select format('%s.%I', n.place, n.name) into missing from json_to_recordset(rule.needs) n(place text, name text)
     where not exists (select from pg_attribute a where a.attrelid = to_regclass(n.place) and a.attname = n.name and a.attnum > 0 and not a.attisdropped)
     limit 1;
    if missing is not null then
      raise exception using errcode = 'LB002', message = format('lifeboat: there is no %s, so nobody can tell which rows of %s were erased', missing, rule.place);
    end if;
    truncate pg_temp.lifeboat_erasure_found;
    execute format(
      'insert into pg_temp.lifeboat_erasure_found select distinct f.part, f.place, f.entry from (%s) f
         join pg_temp.lifeboat_erasure_most m on m.number = $1 and m.entry = f.entry
        where m.before is null or m.before > (select at from pg_temp.lifeboat_erasure_snapshot)', rule.finder) using rule.number;
    select f.entry, count(*) as found, m.most into over
      from pg_temp.lifeboat_erasure_found f join pg_temp.lifeboat_erasure_most m on m.number = rule.number and m.entry = f.entry
     group by f.entry, m.most having count(*) > m.most limit 1;
    if found then
      raise exception using errcode = 'LB001', message = format('lifeboat: erasure %s would take %s rows of %s, more than the %s that were signed', over.entry, over.found, rule.place, over.most);
    end if;
    for leaf in select f.part, array_agg(distinct f.place) as places from pg_temp.lifeboat_erasure_found f group by f.part
    loop
      fingerprint := coalesce((select r.hash from pg_temp.lifeboat_erasure_row r where to_regclass(r.place) = leaf.part), '0');
      select string_agg(format('%I = %s', s.name, s.value), ', ' order by s.name) into assignments
        from json_each_text(rule.sets) s(name, value)
       where exists (select from pg_attribute a where a.attrelid = leaf.part and a.attname = s.name and not a.attisdropped and a.attgenerated = '');
      if rule.sets is not null and assignments is null then
        insert into pg_temp.lifeboat_erasure_done select rule.number, format('%I.%I', n.nspname, c.relname), cardinality(leaf.places), 0, 0, 0, 0
          from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = leaf.part;
        continue;
      end if;
      execute format('select count(*), coalesce(sum(%s), 0) from only %s t where t.ctid = any ($1)', fingerprint, leaf.part::regclass)
        into gone_rows, gone_hash using leaf.places;
      if rule.sets is null then
        execute format('delete from only %s t where t.ctid = any ($1)', leaf.part::regclass) using leaf.places;
        came_rows := 0; came_hash := 0;
      else
        execute format('with lifeboat_changed as (update only %s t set %s where t.ctid = any ($1) returning %s as hash)
                        select count(*), coalesce(sum(hash), 0) from lifeboat_changed', leaf.part::regclass, assignments, fingerprint)
          into came_rows, came_hash using leaf.places;
      end if;
      insert into pg_temp.lifeboat_erasure_done (number, place, rows, gone_rows, gone_hash, came_rows, came_hash)
      select rule.number, format('%I.%I', n.nspname, c.relname), gone_rows, gone_rows, gone_hash, came_rows, came_hash
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = leaf.part;
    end loop;
  end loop;
end $lifeboat$;
