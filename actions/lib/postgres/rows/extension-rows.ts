import { quoteLiteral } from "../identifier.ts";
import type { Inventory, TableContent } from "../inventory/model.ts";
import { isVaultSecrets } from "../inventory/vault-secrets.ts";

/** Tables with rows of their own that pg_dump leaves to their extension, the smallest first: what others hang on is small. */
export function extensionTables({ tables }: Pick<Inventory, "tables">): TableContent[] {
  return tables.filter((table) => !table.carried && !isVaultSecrets(table)).sort((a, b) => a.bytes - b.bytes);
}

/** Where pgmq keeps the names of its queues; the tables of each it makes by itself, as members of the extension. */
export const queueList = { schema: "pgmq", name: "meta" };

/** A queue of pgmq and the function that makes it. */
export interface Queue {
  readonly name: string;
  readonly kind: "create" | "create_unlogged" | "create_partitioned";
}

/** The statement that makes a queue anew. */
export function makeQueue({ name, kind }: Queue): string {
  return `SELECT pgmq.${kind}(${quoteLiteral(name)});`;
}
