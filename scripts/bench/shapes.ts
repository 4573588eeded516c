import { formatCount } from "../../actions/lib/base/measures.ts";
import { execute, type LabProject, seedQimma } from "../../test/lab/index.ts";

/** What the database is like that everybody reads and restores. */
export interface Shape {
  readonly id: "large" | "many";
  /** As a sentence calls it, e.g. `one table of 72 %`. */
  readonly title: string;
  /** How often everybody runs over a link, unless somebody says otherwise. */
  readonly rounds: number;
  seed(project: LabProject): Promise<void>;
}

/** Qimma's rows: of them 72 % in one table. @param bytes of the database, about */
export function largeTable(bytes: number): Shape {
  return {
    ...{ id: "large", title: "one table has 72 % of it", rounds: 3 },
    seed: ({ postgresUrl }) => seedQimma(postgresUrl, { bytes, seed: 1 }),
  };
}

const tables = 2000;

/**
 * Beside what a new project has, tables of one row, each with an identity, a primary key, a check, a foreign key, an index and a policy:
 * seven objects a table. What a table costs by itself is all that such a database costs.
 */
export const manyTables: Shape = {
  ...{ id: "many", title: `${formatCount(tables)} tables of one row`, rounds: 1 },
  async seed({ postgresUrl }) {
    const step = 100; // tables in one transaction: each of their objects takes a lock until its end
    for (let from = 1; from <= tables; from += step) {
      await execute(
        postgresUrl,
        `do $do$
         declare n int; own text;
         begin
           for n in ${from}..${from + step - 1} loop
             own := format('many_%s', n);
             execute format('create table public.%I (id bigint generated always as identity primary key, name text not null check (name <> %L), '
               || 'parent bigint references public.%I (id))', own, '', case n when 1 then own else format('many_%s', n - 1) end);
             execute format('create index on public.%I (name)', own);
             execute format('alter table public.%I enable row level security', own);
             execute format('create policy readers on public.%I for select to authenticated using (true)', own);
             execute format('insert into public.%I (name, parent) values (%L, 1)', own, own);
           end loop;
         end $do$`,
      );
    }
  },
};
