import type { Period } from "../policy/period.ts";
import type { Manifest } from "../vault/manifest.ts";
import type { Page } from "./page.ts";

const present: Readonly<Record<Period, string>> = { day: "today's", week: "this week's", month: "this month's" };

/** Why an attempt made no set: the vault has the one that it would have made. */
export function nothingToDoPage({ set, tier, snapshotAt }: Manifest, period: Period): Page {
  return {
    title: "Nothing to do",
    sentence: `The vault has ${present[period]} ${tier} set already: ${set}, as of ${snapshotAt}.`,
    tables: [],
  };
}
