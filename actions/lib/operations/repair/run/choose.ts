import { readFileSync } from "node:fs";
import { ConfigurationError } from "../../../base/errors.ts";
import { type KeysFile, parseKeysFile } from "../plan/keys-file.ts";
import { parseTransactions, type Selection } from "../plan/selection.ts";

/** What a person has typed to choose rows. */
export interface SelectionInputs {
  readonly transaction?: string | undefined;
  readonly missing: boolean;
  readonly added: boolean;
  readonly where?: string | undefined;
  /** Path of a file. */
  readonly keys?: string | undefined;
  /** Separated by commas. */
  readonly columns?: string | undefined;
  readonly allRows: boolean;
}

/** @throws ConfigurationError `usage`, `keys-unreadable` */
export function readSelection({ transaction, keys, columns, where, missing, added, allRows }: SelectionInputs): {
  readonly selection: Omit<Selection, "keys">;
  readonly keys: KeysFile | undefined;
} {
  return {
    selection: {
      ...{ where, missing, added, allRows },
      transactions: transaction === undefined ? [] : parseTransactions(transaction),
      columns: columns?.split(",").map((one) => one.trim()),
    },
    keys: keys === undefined ? undefined : parseKeysFile(readText(keys)),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new ConfigurationError("keys-unreadable", "The file that --keys names cannot be read.", "Correct its path.");
  }
}
