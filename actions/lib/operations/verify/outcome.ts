import type { Page } from "../../report/page.ts";
import type { Outcome } from "../../report/run/outcome.ts";
import { verificationPage } from "./page.ts";
import type { VerifyResult } from "./verify.ts";

// What a verification leaves for reports, and for the outputs of actions/verify-backup/action.yml.

export function reportVerification(result: VerifyResult): Outcome {
  const page = verificationPage(result);
  const { set, tier, snapshotAt, outcome, storedBytes } = result;
  return {
    outputs: { set, outcome },
    page,
    facts: { set, tier, snapshotAt, outcome, storedBytes },
    ...verdict(outcome, "set", page),
  };
}

export function verdict(outcome: string, what: string, { sentence: message }: Page): Pick<Outcome, "failure"> {
  if (outcome === "whole") return {};
  const next = `Do not rely on this ${what}: make another, and look at the findings.`;
  return { failure: { code: `verify-${outcome}`, message, next } };
}
