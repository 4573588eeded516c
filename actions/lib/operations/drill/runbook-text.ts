import { markdownText } from "../../base/escaping.ts";
import type { DrillProof, DrillScenario, Proof } from "../../vault/format/proof.ts";
import { span } from "./judge.ts";
import { phaseRows } from "./page.ts";

export type ProvenDrill = Pick<Proof, "proof" | "outcome" | "set" | "finishedAt" | "target"> & {
  readonly drill: DrillProof;
};

/** The page of a scenario, below the repository's root. */
export function runbookOf(scenario: DrillScenario): string {
  return `runbooks/recover-${scenario}.md`;
}

const begin = "<!-- drill:begin -->";
const end = "<!-- drill:end -->";

/**
 * The page with what the drill measured between its marks, and its review dated when the drill went well: never back, and by nothing else
 * than a drill. Pure.
 * @param before the drill of the same scenario before it
 * @returns undefined when the page has lost its marks
 */
export function withDrill(page: string, drill: ProvenDrill, before: ProvenDrill | undefined): string | undefined {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) return undefined;
  const told = `${page.slice(0, from + begin.length)}\n${blockOf(drill, before)}\n${page.slice(to)}`;
  return drill.outcome === "proven" ? dated(told, drill.finishedAt.slice(0, 10)) : told;
}

function dated(page: string, day: string): string {
  return page.replace(/^(---\n(?:[^\n]*\n)*?reviewed: )(\d{4}-\d{2}-\d{2})$/m, (all, head: string, known: string) =>
    known < day ? `${head}${day}` : all,
  );
}

function blockOf(
  { proof, outcome, set, finishedAt, target, drill }: ProvenDrill,
  before: ProvenDrill | undefined,
): string {
  const { machineSeconds, human, rtoMinutes, lost, phases, sabotage, failures, byHand, dollars, withFiles } = drill;
  const verdict = outcome === "proven" ? "It went well" : "**It failed**";
  const hands =
    human === null
      ? "people's part was never measured"
      : `${span(human.minutes * 60)} by people, measured on ${human.measuredAt.slice(0, 10)}`;
  const counted = [
    ...(lost.rows === null ? [] : [`${lost.rows} rows`]),
    ...(lost.files === null ? [] : [`${lost.files} files`]),
    ...(lost.sentinels == null ? [] : [`${lost.sentinels} sentinels`]),
  ].join(", ");
  const rows = phaseRows(phases, before?.drill.phases, "**late**");
  return [
    `Written from the signed proof \`${proof}\` by the job that publishes reports; what is changed here by hand is overwritten by the next drill.`,
    "",
    `${finishedAt.slice(0, 10)}, set \`${set}\` in ${markdownText(target.name)}. ${verdict}: ${span(machineSeconds)} by machines, ${hands}; ` +
      `${span(rtoMinutes * 60)} are promised. ${span(lost.seconds)} of work were lost${counted === "" ? "" : ` (${counted})`}. ` +
      `${withFiles ? "Files came back, too." : "Without files."} ` +
      `A set with a ${sabotage.kind} was ${sabotage.refused ? "refused" : "**not refused**"}.` +
      `${dollars === null ? "" : ` It cost about $${dollars.toFixed(2)}.`}`,
    "",
    "| phase | took | the time before | |",
    "| --- | --- | --- | --- |",
    ...rows.map(([name, ...rest]) => `| ${[markdownText(name), ...rest].join(" | ")} |`),
    ...list("What failed:", failures),
    ...list("By hand, in a real recovery (time it, and give it to the next drill as `--human-minutes`):", byHand),
  ].join("\n");
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, "", ...lines.map((line) => `- ${markdownText(line)}`)];
}
