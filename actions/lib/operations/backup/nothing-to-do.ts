import type { Period } from "../../policy/period.ts";
import type { Page } from "../../report/page.ts";
import type { Manifest } from "../../vault/format/manifest.ts";

const present: Readonly<Record<Period, (tier: string) => string>> = {
  "10h": (tier) => `a ${tier} set of the last ten hours`,
  day: (tier) => `today's ${tier} set`,
  week: (tier) => `this week's ${tier} set`,
  month: (tier) => `this month's ${tier} set`,
};

/** Why an attempt made no set: the vault has the one that it would have made. */
export function nothingToDoPage({ set, tier, snapshotAt }: Manifest, period: Period): Page {
  return {
    title: "Nothing to do",
    sentence: `The vault has ${present[period](tier)} already: ${set}, as of ${snapshotAt}.`,
    tables: [],
  };
}

/** Why an attempt made no set although one was due. */
export function standBackPage(tier: string, why: string): Page {
  return { title: "Stood back", sentence: `This day's second ${tier} set stands back: ${why}.`, tables: [] };
}
