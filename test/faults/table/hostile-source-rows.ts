import type { HostileRow, TargetKind } from "./hostile-source-scene.ts";
import type { Outcome } from "./row.ts";

/** How a way speaks: `knock(name)` is text in, text out, immutable as the catalogue has it, and calls by that name. */
interface Way {
  readonly kind: string;
  /** SQL that lays it, as the project's owner: in a schema of its own, `$schema`. */
  readonly lay: string;
  /** What a printed statement has to say about it; none where the way needs no switch. */
  readonly named?: RegExp;
  /** Whether that statement calls, as it did at the source. */
  readonly wakes?: boolean;
}

const table =
  "create table $schema.t (id int primary key, note text); insert into $schema.t values (1, 'a'), (2, 'b');";

const ways: readonly Way[] = [
  {
    kind: "a generated column calls out",
    lay: `create table $schema.t (id int primary key, note text, loud text generated always as ($knock(note)) stored);
      insert into $schema.t values (1, 'a'), (2, 'b');`,
    named: /^generated loud of/,
    wakes: true,
  },
  {
    kind: "a generated column that must have a value calls out",
    lay: `create table $schema.t (id int primary key, note text, loud text not null generated always as ($knock(note) || '!') stored);
      insert into $schema.t values (1, 'a'), (2, 'b');`,
    named: /^generated loud of/,
    wakes: true,
  },
  {
    kind: "a generated column calls out by another function",
    lay: `create function $schema.deep(t text) returns text language sql immutable as $$ select $knock(t) $$;
      create table $schema.t (id int primary key, note text, loud text generated always as ($schema.deep(note)) stored);
      insert into $schema.t values (1, 'a');`,
    named: /^generated loud of/,
    wakes: true,
  },
  {
    kind: "an index's function calls out",
    lay: `${table} create index i on $schema.t ($knock(note)); comment on index $schema.i is 'loud';`,
    named: /^index /,
    wakes: true,
  },
  {
    kind: "an index's condition calls out",
    lay: `${table} create unique index i on $schema.t (id) where $knock(note) <> '';`,
    named: /^index /,
    wakes: true,
  },
  {
    kind: "a partitioned index calls out",
    lay: `create table $schema.t (id int, note text) partition by list (id);
      create table $schema.t1 partition of $schema.t for values in (1);
      create index i on $schema.t ($knock(note)); insert into $schema.t values (1, 'a');`,
    named: /^index /,
    wakes: true,
  },
  {
    kind: "an operator in an index calls out",
    lay: `${table} create function $schema.op(a text, b text) returns text language sql immutable as $$ select $knock(a || b) $$;
      create operator $schema.~~> (leftarg = text, rightarg = text, function = $schema.op);
      create index i on $schema.t ((note operator($schema.~~>) 'x'));`,
    named: /^index /,
    wakes: true,
  },
  {
    kind: "an exclusion constraint calls out",
    lay: `${table} alter table $schema.t add constraint apart exclude using btree ($knock(note) with =);`,
    named: /^table constraint /,
    wakes: true,
  },
  {
    kind: "a statistics object calls out",
    lay: `${table} create statistics $schema.s on ($knock(note)), id from $schema.t;`,
    named: /^statistics object /,
  },
  {
    kind: "a check calls out",
    lay: `${table} alter table $schema.t add constraint c check ($knock(note) <> '');`,
    named: /^check /,
    wakes: true,
  },
  {
    kind: "a check calls out by a text that it puts together",
    lay: `${table} create function $schema.f(t text) returns boolean language plpgsql as $$
        begin execute 'select ' || '$knock' || '($1)' using t; return true; end $$;
      alter table $schema.t add constraint c check ($schema.f(note));`,
    named: /^check /,
    wakes: true,
  },
  {
    kind: "a domain calls out",
    lay: `create domain $schema.d as text check ($knock(value) <> '');
      create table $schema.t (id int primary key, note $schema.d); insert into $schema.t values (1, 'a');`,
    named: /^check /,
    wakes: true,
  },
  {
    kind: "a materialised view calls out",
    lay: `${table} create materialized view $schema.m as select $knock(note) as loud from $schema.t;`,
    named: /^materialized view /,
    wakes: true,
  },
  {
    kind: "a default calls out",
    lay: `create table $schema.t (id int primary key, note text default $knock('x')); insert into $schema.t values (1, 'a');`,
  },
  {
    kind: "a policy calls out",
    lay: `${table} alter table $schema.t enable row level security;
      create policy p on $schema.t using ($knock(note) <> '');`,
  },
  {
    kind: "a trigger that always fires calls out",
    lay: `${table} create function $schema.f() returns trigger language plpgsql as $$ begin perform $knock('x'); return new; end $$;
      create trigger g after insert or update on $schema.t for each row execute function $schema.f();
      alter table $schema.t enable always trigger g;`,
    named: /^trigger /,
  },
  {
    kind: "a rule calls out",
    lay: `${table} create rule r as on update to $schema.t do also select $knock('x');`,
    named: /^rule /,
  },
];

/** Their names are like no other way's: where names are shared, what one may do counts for both. */
const entries = table.replaceAll("$schema.t", "$schema.entries");

/** How code of a low role means to make more of that role; `$rise` is text in, text out, and tries it as whoever runs it. */
const rises: readonly (Pick<Way, "kind" | "lay" | "named"> & { readonly outcome?: Outcome })[] = [
  { kind: "a low role's index tries to raise it", lay: `${entries} create index i on $schema.entries ($rise(note));` },
  {
    kind: "a low role's unique index, by its condition, tries to raise it",
    lay: `${entries} create unique index i on $schema.entries (id) where $rise(note) <> '';`,
  },
  {
    kind: "a low role's index, by its condition over a constant, tries to raise it",
    lay: `${entries} create index i on $schema.entries (id) where $rise('x') <> '';`,
  },
  {
    kind: "a low role's index, planned over as a foreign key is checked, tries to raise it",
    lay: `${entries} create index i on $schema.entries (id) where $rise('x') <> '';
      create table $schema.answers (entry int, note text); insert into $schema.answers values (1, 'a');
      create index i2 on $schema.answers (entry) where $rise('x') <> '';
      alter table $schema.answers add foreign key (entry) references $schema.entries;`,
  },
  {
    kind: "a low role's index, planned over as a foreign key is tried again that rows break, tries to raise it",
    lay: `${entries} create index i on $schema.entries (id) where $rise('x') <> '';
      create table $schema.answers (entry int references $schema.entries on delete cascade, note text);
      insert into $schema.answers values (1, 'a');
      create function $schema.stays() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger stays before delete on $schema.answers for each row execute function $schema.stays();
      create index i2 on $schema.answers (entry) where $rise('x') <> '';
      delete from $schema.entries where id = 1;`,
  },
  {
    kind: "a low role's index on a partition, looked into for a foreign key that rows break, tries to raise it",
    // In a copy there is no such key then, by name: to add it, rows would have to go and come.
    ...{ outcome: "differs by name" as const },
    lay: `${entries} create table $schema.answers (entry int references $schema.entries on delete cascade, note text) partition by list (entry);
      create table $schema.answers_1 partition of $schema.answers for values in (1);
      insert into $schema.answers values (1, 'a');
      create function $schema.stays() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger stays before delete on $schema.answers for each row execute function $schema.stays();
      create index i on $schema.answers ($rise(note)); create index i2 on $schema.answers (entry) where $rise('x') <> '';
      delete from $schema.entries where id = 1;`,
  },
  {
    kind: "a low role's index, planned over as numbers are looked for, tries to raise it",
    lay: `create table $schema.entries (id int primary key, number oid); insert into $schema.entries values (1, 70000);
      create index i on $schema.entries (id) where $rise('x') <> '';`,
  },
  {
    kind: "a low role's statistics object, by a constant, tries to raise it",
    lay: `${entries} create statistics $schema.s on (note || $rise('x')), id from $schema.entries;`,
  },
  {
    kind: "a low role's exclusion constraint tries to raise it",
    lay: `${entries} alter table $schema.entries add constraint apart exclude using btree ($rise(note) with =);`,
  },
  {
    kind: "a low role's materialised view tries to raise it",
    lay: `${entries} create materialized view $schema.m as select $rise(note) as high from $schema.entries;`,
  },
  {
    kind: "a low role's statistics object tries to raise it",
    lay: `${entries} create statistics $schema.s on ($rise(note)), id from $schema.entries;`,
  },
  {
    kind: "a low role's function that runs as its owner, in a generated column, tries to raise it",
    lay: `create function $schema.definer(word text) returns text language sql immutable security definer as $$ select $rise(word) $$;
      create table $schema.entries (id int primary key, note text, high text generated always as ($schema.definer(note)) stored);
      insert into $schema.entries values (1, 'a');`,
  },
  {
    kind: "a low role's default tries to raise it",
    lay: "create table $schema.entries (id int primary key, note text default $rise('x')); insert into $schema.entries values (1, 'a');",
  },
  {
    kind: "a low role's trigger that always fires tries to raise it",
    lay: `${entries} create function $schema.on_entry() returns trigger language plpgsql as $$ begin perform $rise('x'); return new; end $$;
      create trigger g after insert on $schema.entries for each row execute function $schema.on_entry();
      alter table $schema.entries enable always trigger g;`,
  },
  {
    kind: "a low role's operator in an index tries to raise it",
    lay: `${entries} create function $schema.lowered(one text, two text) returns text language sql immutable as $$ select $rise(one || two) $$;
      create operator $schema.<~~ (leftarg = text, rightarg = text, function = $schema.lowered);
      create index i on $schema.entries ((note operator($schema.<~~) 'x'));`,
  },
  {
    kind: "a low role's cast tries to raise it",
    lay: `create type $schema.pair as (a int, b int);
      create function $schema.words(p $schema.pair) returns text language plpgsql immutable as $$ begin return $rise(p.a::text); end $$;
      create cast ($schema.pair as text) with function $schema.words($schema.pair) as assignment;
      create table $schema.entries (id int primary key, p $schema.pair); insert into $schema.entries values (1, row(1, 2));`,
  },
  {
    kind: "a low role's check tries to raise it",
    lay: `${entries} alter table $schema.entries add constraint c check ($rise(note) <> '');`,
    // PostgreSQL runs it as whoever loads rows: told before, and the proof finds what it did.
    ...{ named: /table constraint c on /, outcome: "differs by name" },
  },
  {
    kind: "a low role's generated column tries to raise it",
    lay: `create table $schema.entries (id int primary key, note text, high text generated always as ($rise(note)) stored);
      insert into $schema.entries values (1, 'a');`,
    ...{ named: /[(;:] ?table way_/, outcome: "differs by name" },
  },
];

const kinds: readonly TargetKind[] = ["supabase", "plain"];

export const hostileSourceRows: readonly HostileRow[] = kinds.flatMap((target) =>
  [
    ...ways.map((way) => ({ wakes: false, outcome: undefined, ...way, low: false })),
    ...rises.map((way) => ({ wakes: false, outcome: undefined, ...way, low: true })),
  ].map(({ kind, lay, named, wakes, low, outcome = "success" as const }, place) => ({
    ...{ kind, stage: `restore, ${target}`, holder: "makes functions", outcome },
    ...{
      target,
      schema: `way_${String.fromCharCode(97 + Math.floor(place / 26), 97 + (place % 26))}`,
      lay,
      named,
      wakes,
      low,
    },
    inject: () => undefined,
  })),
);
