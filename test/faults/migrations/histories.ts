import { randomFrom } from "../../lab/random.ts";

/** A migration as somebody wrote it: its statements are known without reading the file. */
export interface Written {
  readonly file: string;
  readonly version: string;
  readonly sql: string;
  readonly statements: readonly string[];
  /** Runs outside of a transaction at the source, statement by statement. */
  readonly alone?: true;
  /** It cannot be applied: what has to be named. */
  readonly fails?: RegExp;
}

/** What went wrong in the folder between the set and today. */
export const mischiefs = [
  ...[
    "none",
    "none",
    "none",
    "killed",
    "killed",
    "edited",
    "missing",
    "late",
    "twice",
    "fails",
    "meets rows",
    "refused",
  ],
] as const;
export type Mischief = (typeof mischiefs)[number];

export interface History {
  readonly seed: number;
  readonly mischief: Mischief;
  /** In the order in which the source applied them. */
  readonly written: readonly Written[];
  /** How many of them the set knows. */
  readonly inSet: number;
  /** What the folder holds today. */
  readonly folder: readonly { readonly file: string; readonly sql: string }[];
  /** File that has to be named, because the folder does not make what the source has. */
  readonly named: string | undefined;
}

interface Table {
  readonly name: string;
  columns: string[];
}

/** One history of migrations, the same for the same seed: 4 to 14 files, each of 0 to 5 statements. */
export function history(seed: number): History {
  const random = randomFrom(seed * 7919 + 1);
  const below = (most: number): number => Math.floor(random() * most);
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const author = new Author(below, one);
  const mischief = mischiefs[seed % mischiefs.length] ?? "none";
  const count = 4 + below(11);
  const inSet = 1 + below(count - 2);
  const written: Written[] = [];
  for (let place = 0; place < count; place += 1) {
    // The last one of the source is late: an older branch that was merged after the set.
    const late = mischief === "late" && place === count - 1;
    const version = String(20260101000000 + (late ? inSet * 100 - 150 : place * 100));
    written.push(author.write(version, mischief === "late" && place >= inSet));
  }
  const folder = written.map(({ file, sql }) => ({ file, sql }));
  const pending = inSet + below(count - inSet);
  let named: string | undefined;
  if (mischief === "edited" || mischief === "missing") {
    const place = below(inSet);
    named = written[place]?.file;
    const text = folder[place]?.sql ?? "";
    if (mischief === "missing") folder.splice(place, 1);
    else folder[place] = { file: named ?? "", sql: `${text}\n;create table public.edited_${place} (a int);` };
  }
  if (mischief === "late") named = written.at(-1)?.file;
  if (mischief === "twice") {
    named = written[pending]?.file.replace("_", "_b_");
    folder.push({ file: named ?? "", sql: "create table public.twin ()" });
  }
  if (mischief === "fails" || mischief === "meets rows" || mischief === "refused") {
    const broken = author.broken(written[pending]?.version ?? "", mischief);
    named = broken.file;
    written.splice(pending, written.length, broken);
    folder.splice(pending, folder.length, broken, ...author.after(broken.version));
  }
  // A folder has no order of its own.
  folder.sort((a, b) => (a.sql.length % 7) - (b.sql.length % 7));
  return { seed, mischief, written, inSet, folder, named };
}

const hair = ["", "-- a; comment\n", "/* one; /* and; */ another; */ ", "\r\n", "\t"];
const people = "insert into public.people (name) values ('a;b'), ('c''d'), (E'e\\'f;'), ($q$g;h$q$)";

class Author {
  readonly #below: (most: number) => number;
  readonly #one: <T>(of: readonly T[]) => T;
  readonly #tables: Table[] = [];
  #made = 0;

  constructor(below: (most: number) => number, one: <T>(of: readonly T[]) => T) {
    this.#below = below;
    this.#one = one;
  }

  /** @param plain its statements depend on nothing that a neighbour makes */
  write(version: string, plain: boolean): Written {
    const name = this.#one(["people", "more people", "a_b", "c.d", "é", ""]);
    const file = `${version}_${name}.sql`;
    const first = this.#made === 0;
    if (!first && !plain && this.#below(12) === 0) return this.#alone(file, version);
    const statements = first ? this.#beginning() : [];
    const wanted = this.#below(6);
    for (let at = 0; at < wanted; at += 1) statements.push(...(plain ? [this.#newTable()] : this.#statement()));
    const wraps = statements.length > 0 && this.#below(6) === 0;
    const all = wraps ? ["begin", ...statements, "commit"] : statements;
    const ends = this.#one([";\n", ";\r\n\r\n", " ;\n-- done; really\n"]);
    const sql =
      all.map((text) => `${this.#one(hair)}${text}${ends}`).join("") + this.#one(["", "-- the end", "\n;;\n"]);
    return { file, version, sql, statements: all };
  }

  /** One that nothing can apply to what the set holds. */
  broken(version: string, kind: "fails" | "meets rows" | "refused"): Written {
    const file = `${version}_broken.sql`;
    const before = ["create table public.left_behind (a int)", "insert into public.left_behind values (1)"];
    const [text, fails] = this.#one(brokenStatements[kind]);
    const statements = [...before, text, "create table public.never ()"];
    return { file, version, sql: statements.join(";\n"), statements, fails };
  }

  /** What stands behind one that fails, and must not be applied. */
  after(version: string): { readonly file: string; readonly sql: string }[] {
    return [{ file: `${BigInt(version) + 1n}_after.sql`, sql: "create table public.after_it ()" }];
  }

  #beginning(): string[] {
    this.#made += 1;
    return [
      "create table public.people (id bigint generated by default as identity primary key, name text, born date, score numeric(8,2))",
      people,
      "create type public.mood as enum ('a', 'b;c')",
      "create table public.parts (id int, at date) partition by range (at)",
      "create table public.parts_1 partition of public.parts for values from ('2026-01-01') to ('2026-02-01')",
      "create table public.parts_2 partition of public.parts for values from ('2026-02-01') to ('2026-03-01')",
    ];
  }

  #alone(file: string, version: string): Written {
    const name = `alone_${this.#next()}`;
    const statement = this.#one([
      `create index concurrently ${name} on public.people (name)`,
      `CREATE UNIQUE INDEX /* concurrently; */ CONCURRENTLY IF NOT EXISTS ${name} ON public.people (id, lower(name))`,
      "vacuum public.people",
      "reindex table concurrently public.people",
    ]);
    return { file, version, sql: `${statement};`, statements: [statement], alone: true };
  }

  #next(): number {
    this.#made += 1;
    return this.#made;
  }

  #newTable(): string {
    const name = `t_${this.#next()}`;
    this.#tables.push({ name, columns: ["a", "b"] });
    return `create table public.${name} (a int default ${this.#below(9)}, b text default 'x;y', "C d" text[] default '{}')`;
  }

  /** Rows bring their numbers: an attempt that is rolled back has taken those of a sequence, with PostgreSQL as everywhere. */
  #statement(): string[] {
    const table = this.#tables.length > 0 ? this.#one(this.#tables) : undefined;
    const n = this.#next();
    const column = table === undefined ? "" : this.#one(table.columns);
    const kinds: (() => string[])[] = [
      () => [this.#newTable()],
      () => [`alter table public.people add column extra_${n} text default 'd;${n}' not null`],
      () => [`update public.people set name = name || ';${n}' where id % 2 = ${n % 2}`],
      () => [
        `insert into public.people (id, name, born) select 1000 + ${n} * 10 + g, 'p' || g, date '2000-01-01' + g from generate_series(1, ${n % 9}) g`,
      ],
      () => [
        `create function public.f_${n}() returns int language plpgsql as $f$ begin; return ${n}; end; $f$`.replace(
          "begin;",
          "begin",
        ),
      ],
      () => [
        `create function public.g_${n}(x int) returns int begin atomic select case when x > 1 then ${n} else 0 end; end`,
      ],
      () => [
        `create or replace function public.h() returns trigger language plpgsql as 'begin new.name := coalesce(new.name, '';''); return new; end'`,
        `create trigger tr_${n} before insert on public.people for each row execute function public.h()`,
      ],
      () => [`do $$ begin execute 'create view public.v_${n} as select id, name from public.people; '; end $$`],
      () => [`create materialized view public.m_${n} as select count(*) as n from public.people`],
      () => [`create index on public.people (born, (name || ';'))`],
      () => ["select set_config('search_path', '', false)"],
      () => ["set local search_path = 'public'", `create table s_${n} (a int)`],
      () => [`comment on table public.people is 'it''s; ${n}'`],
      () => [`alter type public.mood add value 'm${n}'`],
      () => [
        "alter table public.people enable row level security",
        `create policy "p; ${n}" on public.people for update using (name <> ';')`,
      ],
      () => [`create domain public.d_${n} as text check (value ~ '^;?')`],
      () =>
        [`savepoint s; insert into public.people (name) values ('gone'); rollback to s`].flatMap((text) =>
          text.split("; "),
        ),
      ...(table === undefined
        ? []
        : [
            () => [`insert into public.${table.name} ("C d") values ('{${n};}')`],
            () => [`alter table public.${table.name} add column "x;${n}" int generated always as (${n}) stored`],
            () => {
              table.columns = table.columns.filter((one) => one !== column);
              return column === undefined || table.columns.length === 0
                ? []
                : [`alter table public.${table.name} drop column if exists ${column} cascade`];
            },
            () => [`alter table public.${table.name} alter column "C d" type text using "C d"::text`],
            () => {
              this.#tables.splice(this.#tables.indexOf(table), 1);
              return [`drop table public.${table.name} cascade`];
            },
            () => [`truncate public.${table.name}`],
          ]),
    ];
    return this.#one(kinds)();
  }
}

/** The statement, and what has to be said of it. */
const brokenStatements: Readonly<Record<"fails" | "meets rows" | "refused", readonly (readonly [string, RegExp])[]>> = {
  fails: [
    ["alter table public.nowhere add column a int", /statement 3 of 4 \(ALTER TABLE public\.nowhere.*42P01/],
    ["select 1 / 0", /22012/],
    ["this is no SQL", /42601/],
    ["create table public.people ()", /42P07/],
    ["do $$ begin raise exception 'secret ; row'; end $$", /P0001, raised by code of its own/],
    ["do $$ begin commit; end $$", /2D000/],
    [
      "insert into supabase_migrations.schema_migrations (version) values ('20260101000000')",
      /23505 \(table supabase_migrations\.schema_migrations, constraint/,
    ],
  ],
  "meets rows": [
    ["alter table public.people alter column born set not null", /23502 \(table public\.people, column born\)/],
    ["create unique index one_name on public.people ((1))", /23505/],
    [
      "alter table public.people add constraint short check (length(name) < 1)",
      /23514 \(table public\.people, constraint short\)/,
    ],
    ["alter table public.people alter column name type int using name::int", /22P02|0A000/],
  ],
  refused: [
    ["rollback", /ROLLBACK/],
    ["select 'it never ends", /does not end/],
    ["alter table public.parts detach partition public.parts_2 concurrently", /stand alone/],
    ["copy public.people from stdin", /stdin/],
    ["\\i other.sql", /psql/],
  ],
};
