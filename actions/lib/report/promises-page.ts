import {
  type PromiseCheck,
  type PromiseFinding,
  type PromiseRow,
  promisesSentence,
  scenarioNames,
  span,
} from "../policy/promises.ts";
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
      ...(check.shortened ?? []),
      ...(check.egress === undefined ? [] : [check.egress]),
    ],
  };
}

function told(minutes: number | undefined): string {
  return minutes === undefined ? "?" : span(minutes);
}
