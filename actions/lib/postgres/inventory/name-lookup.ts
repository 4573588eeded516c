import type { Client } from "pg";
import { sqlState } from "../../base/errors.ts";
import { askEach } from "../connect/connect.ts";
import { bare, quoteIdentifier, quoteLiteral } from "../identifier.ts";
import { isManagedSchema } from "../platform-owned.ts";
import type { Inventory, InventoryObject } from "./model.ts";

/** What Supabase gives `postgres` (observed on 15 and 17). */
const usual = '"$user", public, extensions';

/**
 * Search paths for a second attempt at what failed under the empty one that pg_dump's statements run under: somebody's
 * function names others without their schema. First the path that the source's sessions had, then also all schemas of the
 * user's, for what was made in a session with a path of its own. Each is the value of a setting. Pure.
 */
export function widerPaths(source: Pick<Inventory, "objects" | "roles" | "databaseSettings">): readonly string[] {
  const own = sourcePath(source);
  const schemas = source.objects
    .filter(
      ({ kind, extension, identity }) => kind === "schema" && extension === null && !isManagedSchema(bare(identity)),
    )
    .map(({ identity }) => identity);
  return [own, [own, ...schemas].join(", ")];
}

/** As the server looks for it: the role's in this database, the role's, the database's. */
function sourcePath({ roles, databaseSettings }: Pick<Inventory, "roles" | "databaseSettings">): string {
  const settings = roles.find(({ name }) => name === "postgres")?.settings ?? [];
  const inOrder = [
    ...settings.filter(({ database }) => database).map(({ setting }) => setting),
    ...settings.filter(({ database }) => !database).map(({ setting }) => setting),
    ...databaseSettings,
  ];
  const name = "search_path=";
  const found = inOrder.find((setting) => setting.startsWith(name))?.slice(name.length);
  return found === undefined || found.trim() === "" ? usual : found;
}

/** Says a path for the rest of the transaction. */
export function pathStatement(path: string): string {
  return `select pg_catalog.set_config('search_path', ${quoteLiteral(path)}, true);\n`;
}

/**
 * The same for reading tables whose indexes call functions that find others by it. The catalogue comes first: nobody's
 * function can stand in for one of its own that a query of ours names with the very types of its arguments.
 */
export function readingPaths(source: Pick<Inventory, "objects" | "roles" | "databaseSettings">): readonly string[] {
  return widerPaths(source).map((path) => `pg_catalog, ${path}`);
}

/** A query that only reads. */
export interface Question {
  readonly sql: string;
  readonly values?: readonly unknown[];
}

/**
 * The first row of each query: under the session's search path and, where it does not work so, under wider ones. Undefined when it
 * works under none: the role may not read, or what is asked cannot be told. Not within a transaction.
 */
export async function firstRows(
  client: Client,
  paths: readonly string[],
  questions: readonly Question[],
): Promise<unknown[]> {
  return askEach(client, questions, async (question) => {
    for (const path of [undefined, ...paths]) {
      try {
        return await firstRowUnder(client, path, question);
      } catch (error) {
        if (sqlState(error) === "none") throw error;
      }
    }
    return undefined;
  });
}

/** Asked in a transaction of its own that is rolled back, all of it sent at once; only within `askEach`. */
export async function firstRowUnder(
  client: Client,
  path: string | undefined,
  { sql, values = [] }: Question,
): Promise<unknown> {
  const [begun, answer, ended] = await Promise.allSettled([
    client.query(`begin;\n${path === undefined ? "" : pathStatement(path)}`),
    client.query(sql, [...values]),
    client.query("rollback"),
  ]);
  const failed = [begun, answer, ended].find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  return answer.status === "fulfilled" ? answer.value.rows[0] : undefined;
}

/** Statements that give a function another name, and its own again. */
interface Aside {
  readonly away: string;
  readonly back: string;
}

/**
 * Takes the namesakes of what a text calls out of its way. A call is ambiguous when a second function of the name came later
 * and has defaults for what it takes more (`f()` and `f(x default 1)`).
 * @param known what it calls, where that is known; else the oldest of each name is meant, since nobody can write such a call
 * when both are there. Pure.
 */
export function namesakesAside(
  text: string,
  source: Pick<Inventory, "objects">,
  known: readonly InventoryObject[] = [],
): readonly Aside[] {
  const called = known.length > 0 ? known : oldestNamed(text, source);
  const names = new Set(called.map(nameOf));
  const aside = source.objects.filter((one) => isRoutine(one) && names.has(nameOf(one)) && !called.includes(one));
  return aside.map((one, at) => {
    const [place = "", name = "", rest = ""] = partsOf(one);
    const other = `lifeboat_aside_${at}`;
    return {
      away: `ALTER ROUTINE ${place}${name}${rest} RENAME TO ${quoteIdentifier(other)};\n`,
      back: `ALTER ROUTINE ${place}${other}${rest} RENAME TO ${name};\n`,
    };
  });
}

function oldestNamed(text: string, source: Pick<Inventory, "objects">): readonly InventoryObject[] {
  const named = source.objects.filter((one) => isRoutine(one) && text.includes(`${nameOf(one)}(`));
  const byName = Map.groupBy(named, nameOf);
  return [...byName.values()].flatMap((some) => some.toSorted((a, b) => Number(a.oid) - Number(b.oid)).slice(0, 1));
}

export const isRoutine = ({ kind }: InventoryObject): boolean => kind === "function" || kind === "procedure";

const word = `(?:"(?:[^"]|"")+"|[^"(.]+)`;
const signature = new RegExp(String.raw`^(${word}\.)(${word})(\([\s\S]*\))$`);

/** Schema with its dot, name, arguments. */
function partsOf({ identity }: InventoryObject): readonly string[] {
  return signature.exec(identity)?.slice(1) ?? [];
}

const nameOf = (routine: InventoryObject): string => partsOf(routine).slice(0, 2).join("");
