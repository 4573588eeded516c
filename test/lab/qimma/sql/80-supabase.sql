-- The project's part of Supabase's own schemas: buckets, files' rows, a secret, a job, publications.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types, created_at, updated_at) values
  ('avatars', 'avatars', true, 1048576, array['image/png', 'image/jpeg'], '2025-01-01 00:00+00', '2025-01-01 00:00+00'),
  ('exam files', 'exam files', false, null, null, '2025-01-01 00:00+00', '2025-01-02 00:00+00');
insert into storage.objects (id, bucket_id, name, owner_id, created_at, updated_at, last_accessed_at, metadata, version, user_metadata)
select app_private.made_uuid('object', n), case n % 2 when 0 then 'avatars' else 'exam files' end,
  app_private.made_uuid('user', 1 + n % :users) || '/folder (1)/file ' || n || '.png', app_private.made_uuid('user', 1 + n % :users)::text,
  '2025-03-01 00:00+00', '2025-03-01 00:00+00', '2025-03-02 00:00+00',
  jsonb_build_object('eTag', '"' || md5(n::text) || '"', 'size', n * 100, 'mimetype', 'image/png', 'cacheControl', 'max-age=3600'),
  md5('version' || n), case n % 3 when 0 then '{"العنوان": "شهادة"}'::jsonb end
from generate_series(1, 40) as n;
select vault.create_secret('a key that nobody may see', 'payment_key', 'For the payment service');
-- The lab has a schema cron; a real project gets it with the extension.
do $jobs$
begin
  if to_regnamespace('cron') is null and exists (select from pg_available_extensions where name = 'pg_cron') then
    create extension pg_cron;
  end if;
  perform cron.schedule('nightly totals', '15 1 * * *', 'refresh materialized view public.fresh_totals');
  perform cron.schedule('ping', '* * * * *', $job$select net.http_post('http://127.0.0.1:9/ping', '{"من": "قمة"}')$job$);
end
$jobs$;

alter publication supabase_realtime add table public.exams, public.student_submissions;
create publication qimma_changes for table public.users (id, full_name), public.exams where (max_score > 10)
  with (publish = 'insert, update', publish_via_partition_root = true);
create publication private_changes for tables in schema app_private;
create publication nothing_yet;
comment on publication qimma_changes is 'For the warehouse';

-- From here on the materialised view of roles is stale.
update public.users set role = 'school admin' where id = app_private.made_uuid('user', 1);
insert into app_private.audit_log (what, how) values ('seed', 'done');
