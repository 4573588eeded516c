insert into public.classes (name, teacher_id)
select 'فصل ' || n, app_private.made_uuid('user', 1 + app_private.dice(n, 10) % :users) from generate_series(1, 12) as n order by n;
update public.users set class_id = 10 + 10 * (hashtextextended(id::text, :seed) & 11), home = ('طريق الملك فهد', 'الرياض', '12211')::public.address,
  attributes = extensions.hstore('shoe size', null) || extensions.hstore('colour', 'أزرق') where created_at < '2025-01-05 06:30+00';

insert into public.exams (code, title, subject, max_score, pass_mark, opens, weights, questions, settings, rubric, owner_id, duration)
select 'EX-' || lpad(n::text, 6, '0'), 'اختبار ' || n || ' — Exam', (array['رياضيات', 'physics', 'لغة عربية', 'history'])[1 + n % 4],
  case n % 3 when 0 then 100 when 1 then 100.0 else 100.00 end, 50 + app_private.dice(n, 11) % 30,
  tstzrange(timestamptz '2025-09-01 05:00+00' + n * interval '1 hour', case when n % 9 = 0 then null else timestamptz '2025-09-02 05:00+00' + n * interval '1 hour' end),
  array[0.5, 0.25, (n % 4) / 16.0],
  jsonb_build_array(jsonb_build_object('q', phrase, 'points', 5), jsonb_build_object('q', '2 + 2 = ؟', 'choices', jsonb_build_array(3, 4, null))),
  case when n % 2 = 0 then ('{"a": 1,  "a": 2, "order": ' || n || '}')::json end,
  xmlparse(content '<rubric n="' || n || '"><ar>ممتاز</ar></rubric>'),
  app_private.made_uuid('user', 1 + app_private.dice(n, 12) % :users), make_interval(mins => 30 + (n % 120)::integer)
from generate_series(:from::bigint, :to::bigint) as n join app_private.phrases on number = n % 64 order by n;
