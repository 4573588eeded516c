import { visible } from "../../base/escaping.ts";
import type { Environment } from "../../config/environment.ts";
import type { OperationReport, RunReport } from "./run-report.ts";

const secretName = /KEY|SECRET|PASS|TOKEN|WEBHOOK|HEARTBEAT/;
const urlName = /_(URL|DSN)$/;
const address = /[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;
/** Shorter values are words like `true` or `us-east-1`; what is secret is longer. */
const shortestSecret = 8;

/**
 * The last net under everything that is committed or sent: our messages name objects only, but a name can be anything. Takes
 * out what looks like an address of a person and whatever the environment holds under a name that says secret, and shows
 * control characters as codes.
 */
export function cleaner(env: Environment): (text: string) => string {
  const secrets = Object.entries(env)
    .flatMap(([name, value]) => (value !== undefined && isSecret(name, value) ? partsOf(value) : []))
    .filter((value) => value.length >= shortestSecret)
    .sort((a, b) => b.length - a.length);
  return (text) =>
    visible(secrets.reduce((said, secret) => said.replaceAll(secret, "[secret]"), text)).replaceAll(
      address,
      "[address]",
    );
}

/** An address with a password in it is a secret; that of a server is not. */
function isSecret(name: string, value: string): boolean {
  return secretName.test(name) || (urlName.test(name) && URL.canParse(value) && new URL(value).password !== "");
}

/** A value, its lines (an armored key has many), and the password of a URL, as it stands there and decoded. */
function partsOf(value: string): string[] {
  const lines = value.includes("\n") ? value.split("\n").map((line) => line.trim()) : [];
  const parts = [value, ...lines.filter((line) => line.length >= 24 && !line.startsWith("-----"))];
  if (!URL.canParse(value)) return parts;
  const { password } = new URL(value);
  return [...parts, password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The same report with every text of its jobs cleaned; which run it was is GitHub's to say. */
export function cleanReport(report: RunReport, clean: (text: string) => string): RunReport {
  return { ...report, operations: report.operations.map((told) => cleaned(told, clean)) };
}

function cleaned(told: OperationReport, clean: (text: string) => string): OperationReport {
  const { sentence, facts, warnings, failure } = told;
  const { stages, jumps } = facts;
  return {
    ...told,
    sentence: clean(sentence),
    facts: {
      ...facts,
      ...(stages && { stages: stages.map(({ name, seconds }) => ({ name: clean(name), seconds })) }),
      ...(jumps && { jumps: { ...jumps, what: jumps.what.map(clean) } }),
    },
    warnings: warnings.map(clean),
    failure: failure && { ...failure, message: clean(failure.message), next: clean(failure.next) },
  };
}
