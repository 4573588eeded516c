import { formatCount } from "../../../actions/lib/base/measures.ts";
import type { Page, PageTable } from "../../../actions/lib/report/page.ts";
import { otherRules } from "./other-rules.ts";
import { ordinaryRules, randomDays } from "./random-days.ts";
import { realCode } from "./retention-run.ts";
import { type Left, live, troubles } from "./troubles.ts";

/** Ours last. */
export const compared = { ...otherRules, Lifeboat: realCode };

/** Promises that a rule may break, and how they are called in a table. */
const losses = {
  "the newest proven one": "the newest proven set of each tier stays in the vault",
  "the newest verified one": "the newest verified set of each tier stays in the vault",
  held: "nothing is removed that is held",
  "during an incident": "nothing is removed during an incident",
  "while backups or proofs fail": "nothing is removed while backups or proofs fail",
} as const;

/** Days that the published table is about: 27 years. They are the same for every rule. */
export const comparedDays = 10_000;
const seed = 7;

/** What each rule leaves after each trouble. */
export async function troublesTable(): Promise<PageTable> {
  const rows: string[][] = [];
  for (const trouble of troubles) {
    const left = [];
    for (const code of Object.values(compared)) left.push(wordsOf(await live(trouble, code)));
    rows.push([trouble.name, ...left]);
  }
  return {
    title: "Sets that can be restored, after",
    header: ["trouble, in a vault of thirty daily sets", ...Object.keys(compared)],
    rows,
  };
}

/** What each rule removed that it should not have, over the same random days. */
export async function daysTable(days: number): Promise<PageTable> {
  const rows: string[][] = [];
  // Locks would hide what a rule does.
  const rules = { ...ordinaryRules, locks: false, keysLockDays: 0, paidDays: 0 };
  for (const [name, code] of Object.entries(compared)) {
    const { broken } = await randomDays(seed, days, { code, rules, mostBroken: Number.POSITIVE_INFINITY });
    const times = (promise: string): string => formatCount(broken.filter((one) => one.promise === promise).length);
    rows.push([name, ...Object.values(losses).map(times)]);
  }
  return {
    title: `Sets of three tiers that were removed, over ${formatCount(days)} random days`,
    header: ["rule", ...Object.keys(losses)],
    rows,
  };
}

/** Whoever loses everything, beside Lifeboat. */
export async function comparisonPage(days: number): Promise<Page> {
  return {
    title: "Retention beside other rules",
    sentence: "Who loses everything: the same sets and the same troubles, by each rule.",
    tables: [await troublesTable(), await daysTable(days)],
    notes: [
      "A number is how many sets are left that can be restored, and that nobody has poisoned; after it, how old the newest is where that is more than a day.",
      "Each rule is a small model of ours of what the tool does by default. restic's follow its ApplyPolicy: the newest of each day, ISO week and month; --keep-within counts from the newest snapshot that is not of the future. Lists and terms are those of lifeboat.config.ts.",
      "Nothing is locked here, so that the rules alone are seen. Object Lock stops a removal before its date, whichever rule asks for it; S3's lifecycle passes over what is locked.",
      "A set that a person tags (restic's --keep-tag) or locks by hand is not modelled for the others, nor is anybody who stops them in time.",
    ],
  };
}

function wordsOf({ good, age }: Left): string {
  if (age === null) return "nothing";
  return age > 1 ? `${good}, of ${Math.round(age)} days ago` : String(good);
}
