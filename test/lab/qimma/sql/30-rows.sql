-- The rows, the same for the same seed and sizes: every value comes from a hash of the seed and the row's number
-- (hashint8extended: stable across majors, hash partitioning relies on it). No clock, no random().
-- Placeholders :seed and :planted are filled in by seed.ts, which runs the marked statements in slices.
create function app_private.dice(number bigint, salt integer) returns bigint language sql immutable parallel safe strict
  return hashint8extended(number * 64 + salt, :seed) & 9007199254740991;
create function app_private.made_uuid(kind text, number bigint) returns uuid language sql immutable parallel safe strict
  return md5(kind || ':' || number || ':' || :seed)::uuid;

create table app_private.phrases as
select number::integer as number, string_agg(word, ' ' order by position) as phrase
from generate_series(0, 63) as number, generate_series(1, 36) as position,
  lateral (select (array['قمة', 'التعليم', 'الرياضيات', 'اختبار', 'الطالب', 'النتيجة', 'سؤال', 'جواب', 'المعلم', 'الفصل',
    'the', 'student', 'explains', 'why', 'photosynthesis', 'needs', 'light', 'because', 'x² + y² = z²', 'naïve', '"quoted"', 'عَرَبِيّ'
    ])[1 + app_private.dice(number * 100 + position, 1) % 22] as word) as words
group by number;
alter table app_private.phrases add primary key (number);
