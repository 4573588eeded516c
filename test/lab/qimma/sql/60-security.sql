-- Who may do what: RLS, policies on Supabase's own tables, revoked EXECUTE, column grants, a custom role, default privileges.
do $roles$
begin
  -- Roles are cluster-wide, and another project of this cluster may be seeded at the same moment.
  if not exists (select from pg_roles where rolname = 'qimma_reporting') then
    create role qimma_reporting nologin inherit;
    create role "Qimma Grader" login noinherit connection limit 3 valid until '2031-01-01 00:00+00';
    alter role "Qimma Grader" set statement_timeout = '45s';
    alter role "Qimma Grader" set search_path = public, "Odd Schema";
    comment on role "Qimma Grader" is 'Grades at night';
    comment on role qimma_reporting is 'Reads what is not personal';
    grant qimma_reporting to "Qimma Grader" with admin option;
    grant authenticated to "Qimma Grader";
    grant qimma_reporting to authenticator;
  end if;
exception when unique_violation or duplicate_object then null;
end
$roles$;

alter table public.users enable row level security;
alter table public.exams enable row level security;
alter table public.student_submissions enable row level security;
alter table public.credit_transactions enable row level security;
alter table app_private.audit_log enable row level security, force row level security;
create policy "Users see themselves" on public.users for select to authenticated using ((select auth.uid()) = id);
create policy "Users change themselves" on public.users for update to authenticated
  using (auth.uid() = id) with check (auth.uid() = id and role = 'student');
create policy teachers_see_all on public.users as permissive for all to service_role using (true);
create policy "المعلمون" on public.exams for all to authenticated, service_role using (owner_id = auth.uid());
create policy no_drafts on public.student_submissions as restrictive for select to public using (status <> 'draft');
create policy insert_own on public.student_submissions for insert to authenticated with check (student_id = auth.uid());
create policy delete_own on public.credit_transactions for delete to anon using (false);
comment on policy no_drafts on public.student_submissions is 'A draft is private';
create policy "Avatars are public" on storage.objects for select to anon, authenticated using (bucket_id = 'avatars');
create policy "Owners write their folder" on storage.objects for insert to authenticated
  with check (bucket_id = 'exam files' and (storage.foldername(name))[1] = auth.uid()::text);
create policy "Buckets are seen" on storage.buckets for select to authenticated using (true);
create policy "Own account" on auth.users for select to authenticated using (auth.uid() = id);
create policy "Own channel" on realtime.messages for select to authenticated using (realtime.topic() = auth.uid()::text);

create function public.grant_credits(receiver uuid, credits numeric) returns void
language sql security definer set search_path = '' as $$
  update public.users set credit_balance = credit_balance + credits where id = receiver
$$;
revoke execute on function public.grant_credits(uuid, numeric) from public, anon, authenticated;
create function public.my_credits() returns numeric language sql stable security definer set search_path = '' as $$
  select credit_balance from public.users where id = auth.uid()
$$;
revoke all on function public.my_credits() from public, anon;
revoke execute on function public.handle_new_user() from public, anon, authenticated, service_role;

revoke all on public.credit_transactions from anon;
revoke insert, update, delete, truncate on public.exams from anon, authenticated;
revoke all on public.student_submissions_id_seq from anon;
revoke all on public.receipt_numbers from anon, authenticated;
revoke all on public.users from anon, authenticated;
grant select (id, full_name, locale), update (locale, preferences) on public.users to authenticated;
grant select (id, role) on public.users to qimma_reporting with grant option;
grant usage on schema app_private to qimma_reporting;
grant select on app_private.phrases to qimma_reporting, "Qimma Grader";
grant usage on type public.user_role to qimma_reporting;
revoke usage on type public.address from public;
grant execute on function public.grade_of(text) to "Qimma Grader" with grant option;
grant select on public.fresh_totals to public;
revoke all on app_private.audit_log from postgres;
grant select, insert on app_private.audit_log to postgres;
alter default privileges in schema app_private grant select on tables to qimma_reporting;
alter default privileges in schema public revoke all on functions from anon;
alter default privileges grant usage on schemas to qimma_reporting;
alter default privileges revoke execute on functions from public;
alter role authenticator set pgrst.db_schemas = 'public, graphql_public';
