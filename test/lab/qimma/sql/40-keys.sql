-- Keys, indexes and constraints, once the rows are in.
set maintenance_work_mem = '256MB';
alter table public.exams add primary key (id), add constraint exams_code_key unique (code) deferrable initially deferred;
alter table public.student_submissions add primary key (id) include (status);
alter table public.credit_transactions add primary key (id, happened_at, kind);
alter table public.users add constraint users_email_key unique nulls not distinct (email);
alter table public.classes add constraint classes_name_key unique (name);

alter table public.users add constraint users_id_fkey foreign key (id) references auth.users (id) on delete cascade;
-- A cycle: a class has a teacher, a teacher has a class.
alter table public.users add constraint users_class_fkey foreign key (class_id) references public.classes (id)
  on delete set null (class_id) deferrable initially deferred;
alter table public.classes add constraint classes_teacher_fkey foreign key (teacher_id) references public.users (id) on update cascade not valid;
alter table public.exams add constraint exams_owner_fkey foreign key (owner_id) references public.users (id);
alter table public.exams add constraint exams_weights_check check (array_length(weights, 1) = 3) no inherit;
alter table public.exams add constraint exams_future_check check (lower(opens) > '2025-09-10') not valid;
alter table public.student_submissions
  add constraint submissions_exam_fkey foreign key (exam_id) references public.exams (id) on delete cascade,
  add constraint submissions_student_fkey foreign key (student_id) references public.users (id);
alter table public.attachments add constraint attachments_submission_fkey foreign key (submission_id) references public.student_submissions (id);
alter table public.credit_transactions add constraint transactions_user_fkey foreign key (user_id) references public.users (id);
comment on constraint exams_owner_fkey on public.exams is 'An exam is somebody''s';

create index submissions_by_student on public.student_submissions (student_id, submitted_at desc nulls last) include (score);
create index submissions_open on public.student_submissions (exam_id) where status in ('draft', 'submitted');
create index submissions_answers on public.student_submissions using gin (answers jsonb_path_ops) with (fastupdate = off);
create index submissions_when on public.student_submissions using brin (submitted_at) with (pages_per_range = 32);
create index users_lower_name on public.users (lower(full_name) collate "C" text_pattern_ops, (preferences ->> 'theme'));
create index users_name_trigrams on public.users using gin (full_name extensions.gin_trgm_ops);
create index users_search on public.users using gin (search);
create index transactions_by_user on public.credit_transactions (user_id, happened_at);
create index exams_subject_hash on public.exams using hash (subject);
comment on index public.submissions_open is 'For the teacher''s list';
create statistics public.exam_statistics (ndistinct, dependencies, mcv) on subject, owner_id from public.exams;
create statistics public.user_expression on (lower(full_name)) from public.users;
comment on statistics public.exam_statistics is 'Subjects go with owners';
alter table public.exams cluster on exams_pkey;
alter table public.exams replica identity using index exams_pkey;
alter table public.classes replica identity full;
alter table public.users alter column email set statistics 200;

select setval(pg_get_serial_sequence('public.student_submissions', 'id'), (select max(id) from public.student_submissions));
select setval('public.credit_transactions_id_seq', (select max(id) from public.credit_transactions));
select nextval('public.receipt_numbers'), nextval('public.receipt_numbers'), nextval('public.countdown'), nextval('public.countdown');
