import { countOf } from "../base/measures.ts";
import { type PromiseCheck, type PromiseFinding, type PromiseRow, scenarioNames, span } from "../policy/promises.ts";
import type { Page } from "./page.ts";

const words: Readonly<Record<PromiseRow["state"], string>> = {
  kept: "ok",
  broken: "BROKEN",
  accepted: "accepted",
  unmeasured: "not measured",
};
const levels: Readonly<Record<PromiseFinding["level"], string>> = {
  broken: "BROKEN",
  accepted: "accepted",
  doubtful: "doubtful",
};

/** The promises beside the truth, and what to do about each that is better than it. */
export function promisesPage(check: PromiseCheck): Page {
  return {
    title: "Promises",
    sentence: promisesSentence(check),
    tables: [
      {
        header: ["scenario", "", "promised", "at worst", "now", "measured", "state"],
        rows: check.rows.map(({ scenario, what, promised, atWorst, now, measured, state }) => [
          scenarioNames[scenario],
          what,
          span(promised),
          told(atWorst),
          told(now),
          told(measured),
          words[state],
        ]),
      },
    ],
    notes: [
      ...check.findings.map(({ level, name, message, next }) => `${levels[level]} (${name}): ${message} ${next}`),
      ...(check.egress === undefined ? [] : [check.egress]),
    ],
  };
}

/** One sentence for reports and channels. */
export function promisesSentence({ findings, online }: PromiseCheck): string {
  const count = (level: PromiseFinding["level"]): number => findings.filter((each) => each.level === level).length;
  const [broken, accepted] = [count("broken"), count("accepted")];
  const taken = accepted === 0 ? "" : `; ${countOf(accepted, "gap is", "gaps are")} known and accepted for a while`;
  const asked = online ? "" : " The vault was not asked.";
  return broken === 0
    ? `No promise is better than the truth${accepted === 0 ? "" : ` but for what is accepted`}${taken}.${asked}`
    : `${countOf(broken, "finding says", "findings say")} that a promise is better than the truth${taken}.${asked}`;
}

function told(minutes: number | undefined): string {
  return minutes === undefined ? "?" : span(minutes);
}
