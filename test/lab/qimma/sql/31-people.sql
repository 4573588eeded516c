insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data,
  confirmation_token, recovery_token, created_at, updated_at, last_sign_in_at)
select '00000000-0000-0000-0000-000000000000', app_private.made_uuid('user', n), 'authenticated', 'authenticated',
  case n when 1 then :planted else 'student' || n || '@qimma.example' end,
  '$2a$10$' || substr(md5(n::text) || md5(:seed || n::text), 1, 53),
  timestamptz '2025-01-05 06:00+00' + n * interval '97 seconds',
  '{"provider": "email", "providers": ["email"]}',
  jsonb_build_object(
    'full_name', (array['نورة القحطاني', 'عبد الله بن فهد', 'Sara Al-Harbi', 'محمد "أبو سعد" العتيبي', 'Li O''Brien'])[1 + app_private.dice(n, 2) % 5] || ' ' || n,
    'role', case app_private.dice(n, 3) % 20 when 0 then 'teacher' when 1 then 'معلم' else 'student' end,
    'phone', '+9665' || lpad((app_private.dice(n, 4) % 100000000)::text, 8, '0'),
    'city', 'الرياض',
    'tags', case app_private.dice(n, 5) % 3 when 0 then '[]'::jsonb else jsonb_build_array('grade ' || app_private.dice(n, 6) % 12, 'متفوق') end),
  '', '', timestamptz '2025-01-05 06:00+00' + n * interval '97 seconds', '2026-08-01 00:00+00', '2026-08-30 12:00+00'
from generate_series(:from::bigint, :to::bigint) as n;

insert into auth.identities (id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
select app_private.made_uuid('identity', n), app_private.made_uuid('user', n)::text, app_private.made_uuid('user', n),
  jsonb_build_object('sub', app_private.made_uuid('user', n), 'email', case n when 1 then :planted else 'student' || n || '@qimma.example' end, 'city', 'جدة'),
  'email', '2026-08-30 12:00+00', '2025-01-05 06:00+00', '2026-08-01 00:00+00'
from generate_series(:from::bigint, :to::bigint) as n;

insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
select app_private.made_uuid('session', n), app_private.made_uuid('user', n), '2026-08-30 12:00+00', '2026-08-30 12:00+00', 'aal1',
  'Mozilla/5.0 (قمة)', ('10.0.' || n % 250 || '.7')::inet
from generate_series(:from::bigint, :to::bigint) as n where n % 3 = 0;

insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, session_id)
select '00000000-0000-0000-0000-000000000000', md5('token' || n || :seed), app_private.made_uuid('user', n), n % 6 = 0,
  '2026-08-30 12:00+00', '2026-08-30 12:00+00', app_private.made_uuid('session', n)
from generate_series(:from::bigint, :to::bigint) as n where n % 3 = 0 order by n;
