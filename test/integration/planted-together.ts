import type { Client } from "pg";
import type { ProvenTarget } from "../../actions/lib/operations/target/target.ts";
import {
  type Defect,
  type defectKinds,
  judgeDefect,
  SeededChoice,
} from "../../actions/lib/operations/test-restore/defect/defect.ts";
import {
  applied,
  candidatesOf,
  prepared,
  rehearsed,
} from "../../actions/lib/operations/test-restore/defect/self-test.ts";
import { plantedRowTable } from "../../actions/lib/postgres/platform-owned.ts";

/** What PostgreSQL allows and a defect must not stumble over. */
export const oddGround = `
  create sequence public.down_by_seven increment -7 maxvalue 100 minvalue -1000 start 100;
  select nextval('public.down_by_seven') from generate_series(1, 5);
  create sequence public.up_by_ten increment 10 start 10; select nextval('public.up_by_ten') from generate_series(1, 5);
  create sequence public.not_drawn increment 10 start 500;
  create sequence public.in_circles cycle maxvalue 3; select nextval('public.in_circles') from generate_series(1, 4);
  create sequence public.leaps increment 9000000000000000000; select nextval('public.leaps');
  create table public.ruled (id int primary key, note text);
  insert into public.ruled values (1, 'a'), (2, null);
  create rule no_update as on update to public.ruled do instead nothing;
  create rule no_delete as on delete to public.ruled do instead nothing;
  create table public.walled (id int primary key, note text);
  insert into public.walled select n, 'x' from generate_series(1, 20) n;
  alter table public.walled enable row level security; alter table public.walled force row level security;
  create policy nobody on public.walled as restrictive for all to public using (false);
  create table public.broken (id int primary key, note text, parent int);
  insert into public.broken values (1, '', 77), (2, 'ok', 1);
  alter table public.broken add constraint said check (note <> '') not valid,
    add constraint parents foreign key (parent) references public.walled (id) not valid;
  create function public.for_some(variadic int[]) returns int language sql as 'select 1';
  revoke execute on function public.for_some from public, anon;
  create procedure public.for_few(in a int, inout b int) language sql as 'select 1';
  revoke execute on procedure public.for_few from public, anon;
  create table public.at_the_end (id int primary key, number bigint, moment timestamptz, yes bool, word varchar);
  insert into public.at_the_end values (1, 9223372036854775807, 'infinity', null, ''), (2, null, '2020-01-01', true, ' ');
`;

/**
 * Plants everything of a kind that can be damaged, all at once, lets the comparison look, and takes it out again.
 * @returns how many were planted, and what was not as it should be, a line each with the seed that repeats it
 */
export async function plantTogether(
  client: Client,
  target: ProvenTarget,
  kind: (typeof defectKinds)[number],
  seed: string,
): Promise<{ planted: number; wrong: string[] }> {
  const planted: Defect[] = [];
  for (const candidate of candidatesOf(kind, client, target, new SeededChoice(seed))) {
    const one = await prepared(candidate);
    if (one === undefined) continue;
    // Each keeps what it takes away in a place of its own.
    const place = (sql: string) => sql.replaceAll(plantedRowTable, `${plantedRowTable}_${planted.length}`);
    const defect = { ...one, plant: one.plant.map(place), undo: one.undo.map(place), stands: place(one.stands) };
    if ((await rehearsed(client, defect)) !== undefined) continue;
    if ((await applied(client, defect.plant, defect.stands)) === undefined) planted.push(defect);
  }
  const found = await target.prove();
  const missed = planted.filter((defect) => judgeDefect(defect, target.differences, found).outcome === "missed");
  const wrong = missed.map(({ expected }) => `missed: ${kind} ${expected.identity}, seed ${seed}`);
  for (const { undo, expected } of planted.toReversed()) {
    const reason = await applied(client, undo);
    if (reason !== undefined) wrong.push(`stays (${reason}): ${kind} ${expected.identity}, seed ${seed}`);
  }
  const before = new Set(target.differences.map((one) => JSON.stringify(one)));
  const left = (await target.prove()).filter((one) => !before.has(JSON.stringify(one)));
  wrong.push(...left.map(({ identity, aspect }) => `differs afterwards: ${identity} ${aspect}, seed ${seed}`));
  return { planted: planted.length, wrong };
}
