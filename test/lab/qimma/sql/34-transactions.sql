insert into public.credit_transactions (id, user_id, amount, kind, happened_at, receipt, note)
select n, app_private.made_uuid('user', 1 + app_private.dice(n, 30) % :users), (app_private.dice(n, 31) % 100000) / 100.0 - 200,
  (array['purchase', 'gift', 'exam', 'refund'])[1 + app_private.dice(n, 32) % 4],
  timestamptz '2024-12-01 00:00+00' + (app_private.dice(n, 33) % 63000000) * interval '1 second',
  case when n % 5 = 0 then (app_private.dice(n, 34) % 900000)::integer end,
  case n % 7 when 0 then null when 1 then '' when 2 then E'tab\there\\N and \\.' else 'عملية رقم ' || n end
from generate_series(:from::bigint, :to::bigint) as n;
