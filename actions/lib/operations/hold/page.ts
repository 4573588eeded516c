import { countOf, few, formatCount } from "../../base/measures.ts";
import type { Page, PageTable } from "../../report/page.ts";
import type { PartHeld } from "../../vault/holds/place.ts";
import type { HoldSubject } from "../../vault/holds/register.ts";
import type { Told } from "../operation.ts";
import type { HoldResult } from "./run-hold.ts";

/** E.g. `set 20261122T221500Z-1a2b3c4d (daily) with its files`. */
export function nameOf(subject: HoldSubject): string {
  if (subject.kind === "files") return `snapshot ${subject.set} of the files`;
  return `set ${subject.set} (${subject.tier})${subject.files === null ? "" : " with its files"}`;
}

/** What was held, for people and for reports. Not all of it held: the run has failed, and retention keeps the set all the same. */
export function reportHold(result: HoldResult): Told {
  const { hold, parts, outcome, alarms, signed } = result;
  const failed = parts.flatMap((part) => part.failed);
  const untried = parts.reduce((sum, part) => sum + part.untried, 0);
  const name = nameOf(hold.subject);
  const end = hold.until === null ? "until it is released" : `until ${hold.until}`;
  const versions = countOf(
    parts.reduce((sum, { held }) => sum + held, 0),
    "object version",
  );
  const sentence =
    outcome === "would-place"
      ? `Dry run: ${name} would be held ${end}, ${versions} of it; nothing was changed.`
      : `Held ${name} ${end}: the store's legal hold is on ${versions}.`;
  const page: Page = {
    title: "Hold",
    sentence: sentence.charAt(0).toUpperCase() + sentence.slice(1),
    tables: [partsTable(parts, "held", "newly held")],
    notes: [
      ...alarms,
      ...failuresOf(parts),
      ...(signed ? [] : ["The hold is not signed: it holds, and it is told that nobody trusted has signed it."]),
      ...parts.flatMap(({ untrusted }) => untrusted ?? []),
    ],
  };
  const done = { result, page };
  if (failed.length + untried === 0) return done;
  return {
    ...done,
    failure: {
      code: "hold-incomplete",
      message: `${countOf(failed.length + untried, "object")} of ${name} could not be held: ${whyOf(parts)}.`,
      next: `Retention keeps the set: the register has the hold. Put right what is named, then run \`lifeboat hold ${hold.subject.set}${hold.subject.kind === "files" ? " --files" : ""}\` again: runbooks/holds.md.`,
    },
  };
}

/** One row for each part and bucket. */
export function partsTable(parts: readonly PartHeld[], held: string, changed: string): PageTable {
  return {
    header: ["part", "in", "bucket", held, changed, "failed"],
    rows: parts.map((part) => [
      ...[part.kind === "files" ? "files" : "database set", part.place, part.bucket],
      ...[formatCount(part.held), formatCount(part.changed), formatCount(part.failed.length + part.untried)],
    ]),
  };
}

/** What could not be done, a sentence for each bucket. */
export function failuresOf(parts: readonly PartHeld[]): string[] {
  return parts
    .filter(({ failed }) => failed.length > 0)
    .map(
      ({ bucket, failed, untried }) =>
        `In bucket ${bucket}: ${few(
          failed.map(({ key, why }) => `${key} (${why})`),
          5,
        )}${untried > 0 ? `; ${formatCount(untried)} more were not tried` : ""}.`,
    );
}

function whyOf(parts: readonly PartHeld[]): string {
  const counts = new Map<string, number>();
  for (const { failed } of parts) for (const { why } of failed) counts.set(why, (counts.get(why) ?? 0) + 1);
  return [...counts].map(([why, count]) => `${why} (${formatCount(count)})`).join(", ");
}
