import type { FileEntry } from "../../../vault/format/file-entry.ts";
import type { Tally } from "../source/tally.ts";
import type { Ledger } from "./ledger.ts";

/** So many are named in the findings; more are counted. Who needs them all has the list, which holds the metadata itself. */
const mostNamed = 10_000;

/** What a header may hold as it is: printable US-ASCII, no blank at either end. */
const headerValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** What the name of a header may hold (RFC 9110, 5.6.2), in lower case: Storage gives names back that way (observed). */
const headerName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/**
 * Whether S3 could bring user metadata back as it is. It travels in headers, one a name: what is no text, not ASCII, or
 * has capitals in its name, comes back otherwise or not at all.
 */
export function isCarriedByS3(userMetadata: FileEntry["userMetadata"]): boolean {
  return Object.entries(userMetadata ?? {}).every(
    ([name, value]) => headerName.test(name) && typeof value === "string" && headerValue.test(value),
  );
}

/** A ledger that also names files whose metadata only SQL can bring back, when their entry is new or another. */
export function namingUncarried(
  ledger: Ledger,
  tally: Pick<Tally, "find" | "add">,
): Pick<Ledger, "settle" | "addObject"> {
  let named = 0;
  return {
    addObject: ledger.addObject,
    settle(before, now) {
      const changes = ledger.settle(before, now);
      if (!changes || now?.state !== "stored" || isCarriedByS3(now.userMetadata)) return changes;
      if (named++ < mostNamed)
        tally.find("uncarried-metadata", now, "S3 cannot carry its user metadata; a restore sets it by SQL");
      else tally.add("uncarried-metadata");
      return changes;
    },
  };
}
