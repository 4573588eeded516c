-- Views that lean on each other, materialised views in all three states, and the kinds of functions.
create view public.graded as
  select id, exam_id, student_id, score from public.student_submissions where status = 'graded';
create view public.exam_results with (security_invoker = true, security_barrier = true) as
  select exam_id, count(*) as graded, round(avg(score), 4) as average from public.graded group by exam_id;
create view public.own_profile as
  select id, full_name, locale from public.users where locale = 'ar' with cascaded check option;
create recursive view public.countdown_view (n) as values (3) union all select n - 1 from countdown_view where n > 1;
comment on view public.exam_results is 'What the teacher''s page shows';
comment on column public.exam_results.average is 'Of graded submissions only';
alter view public.own_profile alter column locale set default 'ar';

create materialized view public.fresh_totals as
  select kind, count(*) as transactions, sum(amount) as total from public.credit_transactions group by kind;
create unique index fresh_totals_kind on public.fresh_totals (kind);
create materialized view public.stale_roles with (fillfactor = 90) as
  select role, count(*) as people from public.users group by role;
create materialized view public.unpopulated_report as select subject, count(*) from public.exams group by subject with no data;
create materialized view public.fresh_of_fresh as select sum(total) as everything from public.fresh_totals;
comment on materialized view public.stale_roles is 'Refreshed nightly, so it is stale by day';

create function public.exam_average(exam bigint) returns numeric language sql stable begin atomic
  select average from public.exam_results where exam_id = exam;
end;
create function public.grade_of(mark numeric, variadic limits numeric[] default array[90, 80, 70]) returns text
language plpgsql immutable strict parallel safe cost 20 as $body$
begin
  -- A comment with $$ and ; inside: dollar quoting has to survive it.
  return chr(65 + (select count(*)::integer from unnest(limits) as l where mark < l));
end
$body$;
create function public.grade_of(mark text) returns text language sql as 'select public.grade_of(mark::numeric)';
create function public.students_of(exam bigint, out student uuid, out marks numeric[]) returns setof record
language sql stable rows 30 set search_path = public, pg_temp as $$
  select student_id, array_agg(score order by id) from public.student_submissions where exam_id = exam group by student_id
$$;
create procedure public.close_exam(exam bigint, inout closed integer default 0) language plpgsql as $$
begin
  update public.student_submissions set status = 'submitted' where exam_id = exam and status = 'draft';
  get diagnostics closed = row_count;
end
$$;
create procedure app_private.nothing() language sql begin atomic end;

create function public.last_of(state anyelement, value anyelement) returns anyelement language sql immutable as 'select value';
create aggregate public.last_value_of(anyelement) (sfunc = public.last_of, stype = anyelement);
create function app_private.array_product(state numeric, value numeric) returns numeric language sql immutable return state * value;
create aggregate app_private.product(numeric) (sfunc = app_private.array_product, stype = numeric, initcond = '1', parallel = safe);
create function app_private.far_apart(numeric, numeric) returns boolean language sql immutable return abs($1 - $2) > 10;
create operator app_private.<~> (leftarg = numeric, rightarg = numeric, function = app_private.far_apart, commutator = operator(app_private.<~>));
create function app_private.address_text(public.address) returns text language sql immutable return $1.street || ', ' || $1.city;
create cast (public.address as text) with function app_private.address_text(public.address) as assignment;
comment on function public.exam_average(bigint) is 'A body that is parsed at creation, so it depends on the view';
comment on aggregate public.last_value_of(anyelement) is 'The last one wins';
comment on procedure public.close_exam(bigint, integer) is 'Nobody can hand in afterwards';
comment on cast (public.address as text) is 'One line';
