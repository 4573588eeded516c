-- Triggers of every state, rules, and the webhook of Supabase's dashboard (made after the rows: it must not fire for them).
create function public.touch_submission() returns trigger language plpgsql as $$
begin
  new.submitted_at := coalesce(new.submitted_at, timestamptz '2026-09-01 00:00+00');
  return new;
end
$$;
create function app_private.audit() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into app_private.audit_log (what, how) values (tg_table_name, tg_op);
  return null;
end
$$;
create table app_private.audit_log (
  id bigint generated always as identity primary key, what text not null, how text not null
);
create trigger touch before insert or update of submitted_at on public.student_submissions
  for each row execute function public.touch_submission();
create trigger audit_deletes after delete on public.student_submissions
  referencing old table as gone for each statement execute function app_private.audit();
create trigger audit_high_scores after update on public.student_submissions
  for each row when (new.score > 99 and old.score is distinct from new.score) execute function app_private.audit();
create constraint trigger audit_exams after insert or update on public.exams deferrable initially deferred
  for each row execute function app_private.audit();
create trigger audit_transactions after insert on public.credit_transactions for each row execute function app_private.audit();
create trigger "Replica only" after insert on public.classes for each row execute function app_private.audit();
create trigger always_on after insert on public.classes for each row execute function app_private.audit();
alter table public.student_submissions disable trigger audit_high_scores;
alter table public.classes enable replica trigger "Replica only";
alter table public.classes enable always trigger always_on;
alter table public.credit_transactions_rest disable trigger audit_transactions;
comment on trigger touch on public.student_submissions is 'Never without a time';

create function app_private.insert_profile() returns trigger language plpgsql as $$
begin
  raise exception 'profiles are made by signing up';
end
$$;
create trigger no_insert instead of insert on public.own_profile for each row execute function app_private.insert_profile();
create rule graded_is_final as on delete to public.graded do instead nothing;
create rule note_new_classes as on insert to public.classes where new.name = 'never' do also
  insert into app_private.audit_log (what, how) values ('classes', 'rule');
alter table public.classes disable rule note_new_classes;
comment on rule graded_is_final on public.graded is 'A grade stays';

-- On Supabase the schema appears when somebody switches webhooks on in the dashboard.
do $webhook$
begin
  if to_regprocedure('supabase_functions.http_request()') is not null then
    create trigger exam_webhook after insert or update on public.exams for each row
      execute function supabase_functions.http_request('http://127.0.0.1:9/hook', 'POST', '{"Content-Type":"application/json"}', '{}', '1000');
  end if;
end
$webhook$;
