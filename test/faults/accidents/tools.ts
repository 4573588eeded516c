import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { silentLog } from "../../../actions/lib/base/log.ts";
import { readInputs } from "../../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../../actions/lib/edge/run-operation.ts";
import verb from "../../../actions/lib/operations/repair/operation.ts";
import { type BackupLab, backUp } from "../../integration/backup-lab.ts";
import type { Repaired, Tools } from "./play.ts";
import type { Shop } from "./scene.ts";

const ref = "abcdefghijklmnopqrst";

/** Runs the command `repair` on the shop, which is production. */
export function repairRunner(lab: BackupLab, shop: Shop, more: Readonly<Record<string, string>> = {}) {
  const env = {
    ...lab.env(shop.url),
    ...{ RESTORE_PRIVATE_KEY: lab.operations.key.armor(), TARGET_DATABASE_URL: shop.url, TARGET_PROJECT_REF: ref },
    ...more,
  };
  return (given: Record<string, string | boolean>) =>
    runOperation(verb, readInputs(verb, "command", { production: ref, ...given }), {
      ...{ env, log: silentLog, signal: new AbortController().signal },
    });
}

const plannedSchema = z.object({
  repair: z.string().optional(),
  hash: z.string().optional(),
  tables: z.array(
    z.object({
      ...{ name: z.string(), inserts: z.number(), deletes: z.number(), columns: z.record(z.string(), z.number()) },
      match: z.object({ both: z.array(z.string()) }),
    }),
  ),
});

/** What the oracle needs: sets are real ones, and the command does all of it: dry run, review, apply, undo. */
export async function accidentTools(lab: BackupLab, shop: Shop, twin: Shop): Promise<Tools> {
  const run = repairRunner(lab, shop);
  const makeSet = async () => (await backUp(lab, shop.url)).set;
  return {
    ...{ shop, twin, base: await makeSet(), backUp: makeSet },
    async repair({ kind, good, damaged, transactions }) {
      const file = join(lab.folder, "plan.ndjson");
      const missing = kind.chosen === "missing";
      const told = await run({
        ...{ set: good, table: `public.${kind.table}`, "dry-run": true, plan: file },
        ...(damaged !== undefined && { damaged }),
        ...(missing
          ? { missing: true, follow: true }
          : transactions.length > 0 && { transaction: transactions.join(",") }),
        ...(missing && damaged === undefined && { where: "tenant_id = 3" }),
        ...(kind.chosen === "added" && { added: true }),
      });
      const { repair = "", hash = "", tables } = plannedSchema.parse(told.result);
      const named = await conflictsIn(file);
      const counted = new Map(
        tables.flatMap(({ name, inserts, deletes, columns, match }) => [
          [`${name} rows`, inserts + deletes] as const,
          ...match.both.map((column) => [`${name}.${column}`, (columns[column] ?? 0) + inserts] as const),
        ]),
      );
      const done = await run({ apply: repair, "plan-hash": hash.slice(0, 16) });
      if (done.exitCode === 1) throw new Error(`not all of it was written: ${JSON.stringify(done.result)}`);
      let last = repair;
      const takeBack = async () => {
        last = z.object({ id: z.string() }).parse((await run({ undo: last })).result).id;
      };
      return { named, counted, undo: takeBack, redo: takeBack } satisfies Repaired;
    },
  };
}

/** Keys by table of what a plan names as conflicts. The plan's file goes. */
async function conflictsIn(file: string): Promise<Map<string, Set<string>>> {
  const [header, ...lines] = (await readFile(file, "utf8")).trim().split("\n");
  await rm(file);
  const { tables } = z.object({ tables: z.array(z.object({ name: z.string() })) }).parse(JSON.parse(header ?? ""));
  const named = new Map(tables.map(({ name }) => [name, new Set<string>()]));
  const conflictSchema = z.object({ t: z.number(), conflict: z.string(), key: z.array(z.string().nullable()) });
  for (const line of lines) {
    const { success, data } = conflictSchema.safeParse(JSON.parse(line));
    if (success) named.get(tables[data.t]?.name ?? "")?.add(data.key.join(","));
  }
  return named;
}
