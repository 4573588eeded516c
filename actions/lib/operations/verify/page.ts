import { countOf, few, formatBytes } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import type { Outcome } from "../../report/run/run-report.ts";
import type { VerifyResult } from "./verify.ts";

/** What a verification found, damage first. */
export function verificationPage(result: VerifyResult): Page {
  const { set, tier, deep, outcome, findings, artifacts, storedBytes, signedBy } = result;
  const damage = findings.filter(({ severity }) => severity === "damage");
  const amount = `${countOf(artifacts.length, "artifact")}, ${formatBytes(storedBytes)}`;
  const looked = deep ? "opened and compared with its inventory" : "read again and compared with its signed manifest";
  const unread = artifacts.filter((artifact) => artifact.outcome === "unread").map(({ name }) => name);
  return {
    title: `Set ${set}`,
    sentence:
      outcome === "whole"
        ? `Set ${set} (${tier}) is whole: ${amount}, ${looked}; signed by ${signedBy.fingerprint}.`
        : outcome === "unread"
          ? `Nothing wrong was found in set ${set} (${tier}), but ${few(unread, 5)} cannot be read: archived, and only its presence and size were compared. 'lifeboat thaw ${set} --wait' brings it back.`
          : `Set ${set} (${tier}) is DAMAGED: ${countOf(damage.length, "finding")}. Do not rely on it; see 'lifeboat list' for others.`,
    tables: [
      {
        title: "Findings",
        header: ["severity", "where", "what"],
        rows: findings.map(({ severity, where, what }) => [severity, where, what]),
      },
      {
        title: "Artifacts",
        header: ["artifact", "kind", "stored", "plain", "state"],
        rows: artifacts.map((artifact) => [
          artifact.name,
          artifact.kind,
          formatBytes(artifact.storedBytes),
          formatBytes(artifact.plainBytes),
          artifact.outcome,
        ]),
      },
    ],
  };
}

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
