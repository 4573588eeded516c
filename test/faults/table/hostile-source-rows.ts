import type { HostileRow, TargetKind } from "./hostile-source-scene.ts";

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

const kinds: readonly TargetKind[] = ["supabase", "plain"];

export const hostileSourceRows: readonly HostileRow[] = kinds.flatMap((target) =>
  [...ways.map((way) => ({ wakes: false, ...way, low: false }))].map(({ kind, lay, named, wakes, low }, place) => ({
    ...{ kind, stage: `restore, ${target}`, holder: "makes functions", outcome: "success" },
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
