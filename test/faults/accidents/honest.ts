import type { Client } from "pg";
import { type State, type Table, tableNames } from "./scene.ts";

/** What people do all day, as one transaction; the same in the shop and in its twin. */
export interface Write {
  readonly sql: string;
}

type Pick = <Item>(from: readonly Item[]) => Item | undefined;

/** Writes by chance on rows that both have, and new ones. @param base from which number new keys count, so that no two writers meet */
export class Honest {
  readonly #random: () => number;
  readonly #keys: Readonly<Record<Table, Set<string>>>;
  #next: number;

  constructor(random: () => number, shop: State, twin: State, base: number) {
    this.#random = random;
    this.#next = base;
    this.#keys = Object.fromEntries(
      tableNames.map((table) => [table, new Set([...shop[table].keys()].filter((key) => twin[table].has(key)))]),
    ) as Record<Table, Set<string>>;
  }

  /** An edit, a new row or a removal. */
  any(): Write {
    const at = this.#random();
    return at < 0.65 ? this.edit() : at < 0.85 ? this.insert() : this.remove();
  }

  edit(): Write {
    const number = Math.floor(this.#random() * 1000);
    const [table, set] = this.#one([
      ["courses", `title = 'title by hand ${number}'`],
      ["courses", `price = ${number}.5`],
      ["courses", `meta = '{"by": "hand", "n": ${number}}'`],
      ["courses", `starts_at = timestamptz '2027-01-01 00:00Z' + ${number} * interval '1 hour'`],
      ["exams", `mark = ${number % 100}`],
      ["exams", `note = 'note by hand ${number}'`],
      ["answers", `body = 'body by hand ${number}'`],
      ["bookmarks", `label = 'label by hand ${number}'`],
      ["tenants", `name = 'name by hand ${number}'`],
    ] as const) ?? ["tenants", "name = 'x'"];
    const key = this.#key(table);
    return key === undefined
      ? this.insert()
      : { sql: `update public.${table} set ${set} where ${whereKey(table, key)}` };
  }

  insert(): Write {
    const id = this.#next++;
    const course = this.#key("courses");
    const exam = this.#key("exams");
    const which = Math.floor(this.#random() * 4);
    if (which === 0 || course === undefined) {
      this.#keys.courses.add(String(id));
      return { sql: newCourse(id, `new course ${id}`) };
    }
    if (which === 1 || exam === undefined) {
      this.#keys.exams.add(String(id));
      return {
        sql: `insert into public.exams (id, course_id, mark, note) values (${id}, ${course}, 7, 'new exam ${id}')`,
      };
    }
    if (which === 2) {
      this.#keys.answers.add(`${exam},${id}`);
      return { sql: `insert into public.answers values (${exam}, ${id}, 'new answer ${id}')` };
    }
    return this.bookmark(id);
  }

  /** A row of a table that no accident happens to. */
  bookmark(id = this.#next++): Write {
    const course = this.#key("courses");
    this.#keys.bookmarks.add(String(id));
    return { sql: `insert into public.bookmarks values (${id}, ${course ?? "null"}, 'new bookmark ${id}')` };
  }

  remove(): Write {
    const table = this.#one(["exams", "answers", "bookmarks"] as const) ?? "bookmarks";
    const key = this.#key(table);
    if (key === undefined) return this.insert();
    this.#keys[table].delete(key);
    if (table === "exams")
      for (const answer of this.#keys.answers) if (answer.startsWith(`${key},`)) this.#keys.answers.delete(answer);
    return { sql: `delete from public.${table} where ${whereKey(table, key)}` };
  }

  #key(table: Table): string | undefined {
    return this.#one([...this.#keys[table]]);
  }

  readonly #one: Pick = (from) => from[Math.floor(this.#random() * from.length)];
}

export const newCourse = (id: number, title: string): string =>
  `insert into public.courses values (${id}, 2, '${title}', 1, 2, '{"new": true}', '2027-05-05 05:05Z')`;

function whereKey(table: Table, key: string): string {
  if (table !== "answers") return `id = ${key}`;
  const [exam, seq] = key.split(",");
  return `exam_id = ${exam} and seq = ${seq}`;
}

/** Each write in a transaction of its own, in both. */
export async function writeBoth(both: readonly Client[], writes: readonly Write[], clock: string): Promise<void> {
  for (const client of both) {
    await client.query(`set shop.clock = '${clock}'`);
    for (const { sql } of writes) await client.query(sql);
  }
}
