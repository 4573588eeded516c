-- report: pgmq/pgmq#408, supabase/postgres#1385: queues are tables of the extension, so they and what waits in them are in no dump, and neither is what people put onto them
-- tiers: weekly,monthly
-- query: select (select string_agg(queue_name || created_at, ',' order by queue_name) from pgmq.meta) || (select max(msg_id) || ' ' || count(*) || ' ' || max(message::text) from pgmq."q_mails to us.") || (select count(*) from pgmq."a_mails to us.") || (select last_value from pgmq."q_mails to us._msg_id_seq") || (select relrowsecurity from pg_class where oid = 'pgmq."q_mails to us."'::regclass) || (select string_agg(indexname, ' ' order by indexname) from pg_indexes where schemaname = 'pgmq') || (select string_agg(policyname || qual, ' ') from pg_policies where schemaname = 'pgmq') || (select string_agg(tgname || tgenabled::text, ' ' order by tgname) from pg_trigger where tgrelid = 'pgmq."q_mails to us."'::regclass) || has_table_privilege('authenticated', 'pgmq."q_mails to us."', 'select') || (select string_agg(relpersistence::text, '' order by relname) from pg_class where relnamespace = 'pgmq'::regnamespace and relkind = 'r')
-- @as postgres
create schema queues;
create extension pgmq;
select pgmq.create('mails to us.'); select pgmq.create('UPPER'); select pgmq.create_unlogged('fast'); select pgmq.create('empty');
select pgmq.send('mails to us.', '{"say": "x\\y\tz"}') from generate_series(1, 20);
delete from pgmq."q_mails to us." where msg_id = 20;
insert into pgmq."a_mails to us." select msg_id, read_ct, enqueued_at, now(), vt, message from pgmq."q_mails to us." where msg_id < 4;
select pgmq.send('fast', 'null');
create policy readers on pgmq."q_mails to us." for select to authenticated using (msg_id > 3);
alter table pgmq."q_mails to us." enable row level security;
grant select on pgmq."q_mails to us." to authenticated;
create index said on pgmq."q_mails to us." ((message ->> 'say'));
create function queues.seen() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger seen after insert on pgmq."q_mails to us." for each row execute function queues.seen();
create trigger unseen after insert on pgmq."q_mails to us." for each row execute function queues.seen();
alter table pgmq."q_mails to us." disable trigger unseen;
