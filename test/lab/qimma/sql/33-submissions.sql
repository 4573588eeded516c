insert into public.student_submissions (id, exam_id, student_id, status, score, answers, essay, checksum, submitted_at)
overriding system value
select n, 1 + app_private.dice(n, 20) % :exams, app_private.made_uuid('user', 1 + app_private.dice(n, 21) % :users),
  (array['draft', 'submitted', 'returned', 'graded']::public.submission_status[])[1 + app_private.dice(n, 22) % 4],
  case app_private.dice(n, 23) % 6 when 0 then null when 1 then 87.50 when 2 then 87.5 else (app_private.dice(n, 24) % 10000) / 100.0 end,
  jsonb_build_object('attempt', n % 3, 'choices', jsonb_build_array(n % 4, n % 5, null, true), 'free', first.phrase),
  second.phrase || E'\n' || md5(n || ':' || :seed), sha256((n || ':' || :seed)::bytea),
  timestamptz '2025-09-01 06:00+00' + (app_private.dice(n, 25) % 31000000) * interval '1 second'
from generate_series(:from::bigint, :to::bigint) as n
join app_private.phrases as first on first.number = app_private.dice(n, 26) & 63
join app_private.phrases as second on second.number = app_private.dice(n, 27) & 63;
