import type { Client } from "pg";
import { LifeboatError } from "../../base/errors.ts";
import type { Fingerprint } from "../inventory/model.ts";
import { createRowHasher } from "../row-hash/row-hash.ts";
import { copyRows, type ExportTable } from "./export-rows.ts";

/**
 * A table's fingerprint from its rows as COPY writes them, hashed here: for rows that are too long for the server to write as
 * one text of at most 1 GB (values of some hundred MB, quotes and backslashes counted twice), though COPY can, and for tables
 * that no query can be planned on.
 *
 * @throws OperationError `export-failed` with the SQLSTATE
 */
export async function fingerprintByCopy(client: Client, table: ExportTable): Promise<Fingerprint> {
  const hasher = createRowHasher(table.columns.length);
  for await (const chunk of copyRows(client, table)) hasher.push(chunk);
  return hasher.finish();
}

/** Whether COPY may give the rows although a query did not. */
export function isLeftToCopy(error: unknown): boolean {
  return isRowTooLong(error) || (error instanceof LifeboatError && error.code === "table-unplanned");
}

/** Whether the server said that a row is too long for what was asked. */
export function isRowTooLong(error: unknown): boolean {
  return error instanceof LifeboatError && error.code === "row-too-long";
}
