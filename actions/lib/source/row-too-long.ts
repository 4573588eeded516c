import { OperationError } from "../runtime/errors.ts";
import { tableName } from "./identifier.ts";

/** A text or a row in text form may have 1 GB at most (memutils.h, MaxAllocSize; 54000 program_limit_exceeded). */
export const rowTooLong = {
  state: "54000",
  of: (table: { readonly schema: string; readonly name: string }): OperationError =>
    new OperationError(
      "row-too-long",
      `A row of ${tableName(table)} is too long to be written as text: PostgreSQL writes at most 1 GB at a time.`,
      `Look for it with: select ctid, octet_length(<column>) from ${tableName(table)} order by 2 desc limit 3. Keep values of that size as files.`,
    ),
};
