import { bare, quoteLiteral } from "../identifier.ts";
import { isManagedSchema } from "../platform-owned.ts";
import type { Inventory } from "./model.ts";

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
