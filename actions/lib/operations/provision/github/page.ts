import { countOf } from "../../../base/measures.ts";
import type { Page } from "../../../report/page.ts";
import type { Told } from "../../operation.ts";
import type { GithubTruth } from "./check-github.ts";
import { type Deed, isWell } from "./deed.ts";

/** What was done at GitHub, and what holds there now. */
export function githubTold(
  repository: string,
  deeds: readonly Deed[],
  truth: GithubTruth | undefined,
  dryRun: boolean,
): Told {
  const bad = deeds.filter((deed) => !isWell(deed));
  const drifts = truth?.drifts ?? [];
  const done = deeds.filter(({ outcome }) => outcome === "made" || outcome === "changed" || outcome === "stored");
  const sentence = dryRun
    ? `Dry run: ${countOf(done.length, "thing", "things")} of ${repository} would be made, changed or stored. Nothing was.`
    : bad.length + drifts.length === 0
      ? `${repository} has what the workflows need.`
      : `${repository} lacks ${countOf(new Set([...bad.map(({ where, what }) => `${where}: ${what}`), ...drifts.map(({ property }) => property)]).size, "thing", "things")}; the rest is as it should be.`;
  const page: Page = {
    ...{ title: `GitHub: ${repository}`, sentence },
    tables: [
      {
        ...{ title: dryRun ? "What would be done" : "What was done", header: ["where", "what", "outcome", ""] },
        rows: deeds
          .filter(({ outcome }) => outcome !== "as it is")
          .map(({ where, what, outcome, note = "" }) => [where, what, dryRun ? wouldBe(outcome) : outcome, note]),
      },
      ...(dryRun ? [] : [driftTable(drifts)]),
    ],
    notes: [...(truth?.unenforced ?? []), ...subjectNote(truth?.subject)],
  };
  const good = bad.length === 0 && (dryRun || drifts.length === 0);
  return { result: { repository, dryRun, deeds, ...truth }, page, exitCode: good ? 0 : 1 };
}

/** Also of `provision check`. */
export function driftTable(drifts: GithubTruth["drifts"]): Page["tables"][number] {
  return {
    ...{ title: "Not as it should be", header: ["property", "is", "should be", "what to do"] },
    rows: drifts.map(({ property, is, should, next }) => [property, is, should, next]),
  };
}

function wouldBe(outcome: Deed["outcome"]): string {
  return outcome === "made" || outcome === "changed" || outcome === "stored" ? `would be ${outcome}` : outcome;
}

function subjectNote(subject: string | undefined): string[] {
  return subject === undefined
    ? []
    : [`GitHub presents this repository to AWS as ${subject}: the roles have to trust that.`];
}
