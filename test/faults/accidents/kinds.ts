import type { Table } from "./scene.ts";
import { courses } from "./scene.ts";

/** An accident of one kind. */
export interface Kind {
  readonly name: string;
  readonly table: Table;
  /** How a person chooses what it did: by its transactions, as rows that are gone, or as rows that its transactions have added. */
  readonly chosen: "transactions" | "missing" | "added";
  /** The statement; `rows` restricts it to some keys of its table, for accidents that go row by row. */
  statement(rows: string): string;
  /** Only a set that was taken after the damage tells its rows from what people did since. */
  readonly threeWayOnly?: true;
}

const update = (name: string, table: Table, set: string, where = "true", more = ""): Kind => ({
  ...{ name, table, chosen: "transactions" },
  statement: (rows) => `update public.${table} t set ${set} ${more} where (${where}) and ${rows}`,
});

export const kinds: readonly Kind[] = [
  update("no WHERE", "courses", "price = 9.99"),
  {
    ...{ name: "cascade delete", table: "courses", chosen: "missing" },
    statement: (rows) => `delete from public.courses t where tenant_id = 3 and ${rows}`,
  },
  update("swapped columns", "courses", "price = list_price, list_price = price"),
  update("mangled JSON", "courses", "meta = to_jsonb(meta::text)"),
  {
    ...{ name: "re-used keys", table: "courses", chosen: "missing", threeWayOnly: true },
    statement: (rows) => `delete from public.courses t where id between 5 and 12 and ${rows}`,
  },
  update(
    "wrong join",
    "exams",
    "course_id = c.id",
    "c.tenant_id = 1 + t.mark % 4 and c.id = (select min(id) from public.courses where tenant_id = c.tenant_id)",
    "from public.courses c",
  ),
  update("truncated text", "answers", "body = left(body, 4)"),
  update("time zone shift", "courses", "starts_at = starts_at + interval '2 hours'"),
  update("sign flipped", "exams", "mark = -mark"),
  {
    ...{ name: "duplicate insert", table: "exams", chosen: "added" },
    statement: (rows) =>
      `insert into public.exams (id, course_id, mark, note) select 10000 + id, course_id, mark, note from public.exams t where id < 5000 and ${rows}`,
  },
  update("null out", "exams", "note = null"),
  update("wrong tenant", "courses", "tenant_id = 1", "tenant_id <> 1"),
];

/** Keys that an accident which goes row by row may meet, as conditions. */
export function rowConditions(table: Table): string[] {
  const last = table === "courses" ? courses : 80;
  const column = table === "answers" ? "exam_id" : "id";
  return Array.from({ length: last }, (_, at) => `t.${column} = ${at + 1}`);
}
