import type { Client } from "pg";
import { Stages } from "../../base/flow/stages.ts";
import { countingDown } from "../../compare/contents.ts";
import { type Difference, outcomeOf } from "../../compare/difference.ts";
import { superuserKinds } from "../../compare/objects.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { objectKey } from "../../postgres/inventory/object-query.ts";
import { isManagedSchema } from "../../postgres/platform-owned.ts";
import { countRows } from "../../postgres/rows/fingerprint.ts";
import type { DataPlan } from "../restore/plan/plan-data.ts";
import { proveRestored } from "../restore/proof/prove-restored.ts";
import { planQuiet } from "../restore/quiet/outbound.ts";
import { volatileReason } from "../restore/settle/around-files.ts";
import { inspectTarget, type TargetFacts } from "../target/target.ts";
import { type LikelyDifference, likelyOf, readRowEvidence } from "./likely.ts";
import { type ProveTargetTask, planRows } from "./plan-rows.ts";

export interface ProvenAgain {
  readonly outcome: "equal" | "differs" | "unverified";
  readonly facts: TargetFacts;
  readonly source: Inventory;
  readonly differences: readonly LikelyDifference[];
  readonly stages: Stages["taken"];
}

/**
 * Compares a database with a set as a restore does when it has ended, whoever filled it and whenever; nothing is written.
 * Of what differs it says whether it is work that went on since, or may be damage, as far as the database shows it.
 */
export async function proveTarget(task: ProveTargetTask): Promise<ProvenAgain> {
  const { open, connect, jobs, log, sameProject } = task;
  const stages = new Stages(log);
  const source = await stages.run("read the set", () => open.inventory());
  const client = await connect();
  try {
    const facts = await stages.run("inspect the target", () => inspectTarget(client, source.serverMajor, "compare"));
    const { plan, journal } = await stages.run("choose rows", () => planRows(task, client, source, facts));
    const none = new Map<string, string>();
    const { differences } = await stages.run("compare", () =>
      proveRestored({
        ...{ source, plan, journal, connect, jobs, log },
        // Which constraints were there before a load is nobody's to know: rows that are equal refer to what they did.
        facts: { ...facts, inventory: { ...facts.inventory, objects: [] } },
        findings: {
          failures: sameProject ? none : neverMade(source, facts),
          ...{ rowFailures: none, viewFailures: none, sequenceFailures: none },
          outbound: planQuiet(source, facts.supabase).outbound,
        },
      }),
    );
    const told = [
      ...differences.map((one) => asUnverified(one, facts)),
      ...sequencesAhead(source, facts),
      ...notCompared(plan),
    ];
    const judged = await stages.run("tell drift from damage", () =>
      judge(client, told, source, open.manifest.snapshotAt),
    );
    return { outcome: outcomeOf(told), facts, source, differences: judged, stages: stages.taken };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What a restore as postgres could not make either, because PostgreSQL keeps it for superusers. */
function neverMade(source: Inventory, facts: TargetFacts): Map<string, string> {
  if (!facts.supabase) return new Map();
  const kept = source.objects.filter(({ kind, extension }) => extension === null && superuserKinds.has(kind));
  return new Map(kept.map((object) => [objectKey(object), "42501 (only a superuser may make it)"]));
}

/** What the role may not read is neither equal nor damaged. */
function asUnverified(difference: Difference, facts: TargetFacts): Difference {
  const there = facts.inventory.tables.some((table) => tableName(table) === difference.identity);
  const unread = difference.aspect === "rows" && difference.detail === "its rows could not be read back";
  return unread && there && difference.verdict === "failed" ? { ...difference, verdict: "unverified" } : difference;
}

/** A restore takes a sequence that stands further on for equal; here it says that numbers were drawn since. */
function sequencesAhead(source: Inventory, { inventory, supabase }: TargetFacts): Difference[] {
  const down = countingDown(source);
  const present = new Map(inventory.sequences.map((one) => [tableName(one), one]));
  return source.sequences.flatMap((wanted): Difference[] => {
    const name = tableName(wanted);
    const found = present.get(name);
    if (found === undefined || (supabase && isManagedSchema(wanted.schema))) return [];
    const further =
      found.lastValue === wanted.lastValue
        ? found.isCalled && !wanted.isCalled
        : BigInt(found.lastValue) > BigInt(wanted.lastValue) !== down.has(name);
    if (!further) return [];
    const detail = `${wanted.lastValue} in the set, ${found.lastValue} here`;
    return [{ kind: "sequence", identity: name, aspect: "value", detail, verdict: "failed", why: drawn }];
  });
}

const drawn = "numbers were drawn since the set";

function notCompared({ loads }: DataPlan): Difference[] {
  return [...loads].flatMap(([name, { keep, table }]): Difference[] => {
    const why = keep === undefined ? undefined : volatileReason(name);
    if (why === undefined || table.fingerprint?.rows === "0") return [];
    const detail = "compared without some of its columns";
    return [{ kind: "table", identity: name, aspect: "rows", detail, verdict: "expected", why }];
  });
}

async function judge(
  client: Client,
  differences: readonly Difference[],
  source: Inventory,
  snapshotAt: string,
): Promise<LikelyDifference[]> {
  const tables = new Map(source.tables.map((table) => [tableName(table), table]));
  const judged: LikelyDifference[] = [];
  for (const difference of differences) {
    if (difference.why === drawn) {
      judged.push({ ...difference, likely: "changed" });
      continue;
    }
    const rows = difference.verdict === "failed" && difference.kind === "table" && difference.aspect === "rows";
    const table = rows ? tables.get(difference.identity) : undefined;
    judged.push(likelyOf(difference, table && (await rowsFound(client, table, snapshotAt))));
  }
  return judged;
}

async function rowsFound(client: Client, table: TableContent, snapshotAt: string) {
  if (table.fingerprint === null) return undefined;
  try {
    const rows = await countRows(client, table);
    return { wanted: table.fingerprint, rows, evidence: await readRowEvidence(client, table, snapshotAt) };
  } catch {
    return undefined; // not there, or not to be read: said already
  }
}
