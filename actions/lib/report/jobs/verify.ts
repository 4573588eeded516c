import type { FilesVerification } from "../../operations/verify/files/verify-files.ts";
import type { VerifyResult } from "../../operations/verify/verify.ts";
import type { Page } from "../page.ts";
import { verificationPage } from "../pages/verify.ts";
import { filesVerificationPage } from "../pages/verify-files.ts";
import type { ActionResult } from "../run/action-result.ts";
import { verificationFacts } from "../run/facts.ts";

// What a verification leaves for reports, and for the outputs of actions/verify-backup/action.yml.

export function reportVerification(result: VerifyResult): ActionResult {
  const page = verificationPage(result);
  const outputs = { set: result.set, outcome: result.outcome };
  return { outputs, page, facts: verificationFacts(result), ...verdict(result.outcome, "set", page) };
}

export function reportFilesVerification(result: FilesVerification): ActionResult {
  const page = filesVerificationPage(result);
  const { set, outcome } = result;
  return { outputs: { set, outcome }, page, facts: { set, outcome }, ...verdict(outcome, "snapshot", page) };
}

function verdict(outcome: string, what: string, { sentence: message }: Page): Pick<ActionResult, "failure"> {
  if (outcome === "whole") return {};
  const next = `Do not rely on this ${what}: make another, and look at the findings.`;
  return { failure: { code: `verify-${outcome}`, message, next } };
}
