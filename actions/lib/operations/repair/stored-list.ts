import { tableName } from "../../postgres/identifier.ts";
import type { SessionKey } from "../../seal/keys/session-key.ts";
import type { ListBody, PlanRecord } from "../../vault/repairs/records.ts";
import {
  type ListSource,
  openBody,
  type RepairVault,
  repairKey,
  type Sealed,
  storePlan,
} from "../../vault/repairs/store.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { Change, Conflict, ListHeader } from "./change-list.ts";
import { type ListReader, type ListSummary, readList, writeList } from "./list-text.ts";

type Lines = AsyncIterable<Change | Conflict> | Iterable<Change | Conflict>;

/** A list on its way into the vault. @param told hears what it came to */
export function listSource(header: ListHeader, lines: Lines, told?: (summary: ListSummary) => void): ListSource {
  let summary: ListSummary | undefined;
  const done = (one: ListSummary): void => {
    summary = one;
    told?.(one);
  };
  return {
    bytes: writeList(header, lines, done),
    told() {
      if (summary === undefined) throw new Error("The list is asked for before it has passed.");
      const { hash, bytes: plainBytes, counts } = summary;
      return {
        hash,
        plainBytes,
        tables: header.tables.map((table, t) => ({ table: tableName(table), ...sumsOf(counts[t]) })),
      };
    },
  };
}

const sumsOf = ({ updates, inserts, deletes, conflicts }: ListSummary["counts"][number] = noSums) => ({
  ...{ updates, inserts, deletes },
  conflicts: Object.values(conflicts).reduce((sum, one) => sum + one, 0),
});
const noSums = { updates: 0, inserts: 0, deletes: 0, conflicts: {} };

/** Seals a plan into the vault. @throws as `storePlan` */
export function keepPlan(to: RepairVault, header: ListHeader, lines: Lines): Promise<PlanRecord> {
  const { id, kind, of, project, madeAt } = header;
  return storePlan(to, { id, kind, of, project, madeAt }, listSource(header, lines));
}

/** The plan of a repair, open. @throws as `openBody` and `readList` */
export async function openPlan(
  { vault, key, signal }: Pick<RepairVault, "vault" | "key" | "signal">,
  sealed: Sealed,
): Promise<{ readonly reader: ListReader; readonly session: SessionKey }> {
  const session = await repairKey(vault, sealed, key);
  const { id, body } = sealed.plan;
  return { reader: await openList(vault, id, body, session, signal), session };
}

export function openList(
  vault: Vault,
  id: string,
  body: ListBody,
  session: SessionKey,
  signal?: AbortSignal,
): Promise<ListReader> {
  return readList(openBody(vault, id, body, session, signal));
}
