insert into public.attachments (id, submission_id, file_name, content)
select app_private.made_uuid('file', n), 1 + app_private.dice(n, 40) % :submissions, 'ملف ' || n || '.pdf',
  (select string_agg(sha512((n || ':' || part || ':' || :seed)::bytea), ''::bytea order by part) from generate_series(1, 128) as part)
from generate_series(:from::bigint, :to::bigint) as n;
