import { createHmac } from "node:crypto";
import type { Client } from "pg";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { countOf } from "../../base/measures.ts";
import type { ErasurePolicy } from "../../config/policy/erasure.ts";
import type { ErasedEntry, LedgerRule } from "../../vault/erasures/entries.ts";
import { commitmentOf, type HashKey } from "../../vault/erasures/hash-key.ts";
import { replayData } from "../../vault/erasures/script.ts";
import { replayChecked } from "../erasures/replay-checked.ts";
import { type Candidate, candidatesOf, keptOf } from "./candidates.ts";
import type { Subject } from "./subject.ts";

/** What erasing a person comes to, without a value of theirs. */
export interface ErasurePlan {
  readonly rules: readonly LedgerRule[];
  readonly kept: ErasedEntry["kept"];
  readonly rows: number;
  /** What is shown and typed: it changes with anything that the plan says, and tells nothing of the person. */
  readonly hash: string;
}

export interface PlanWanted {
  readonly policy: ErasurePolicy;
  readonly subject: Subject;
  readonly consent: string | null;
  readonly key: HashKey;
  /** Keys the plan's hash: only who holds the restore key could compare it with a guess. */
  readonly secret: Uint8Array;
  /** Rows of a table that a restore may take at most; undefined: by the policy. */
  readonly most: number | undefined;
}

/**
 * Plays the erasure in the client's transaction, which the caller rolls back: the counts are those that it would have.
 * @throws ConfigurationError `subject-matches-too-much`, `erasure-dangling`, `consent-unknown`
 */
export async function makePlan(client: Client, wanted: PlanWanted): Promise<ErasurePlan> {
  const { policy, subject, consent, key, secret } = wanted;
  if (consent !== null && policy.revocations[consent] === undefined)
    throw new ConfigurationError(
      "consent-unknown",
      `The policy knows no consent ${consent}.`,
      `Give one of erasure.revocations: ${Object.keys(policy.revocations).join(", ") || "there is none"}.`,
    );
  const candidates = candidatesOf(policy, subject, key, consent);
  if (candidates.length === 0)
    throw new ConfigurationError("erasure-policy", "No rule of the policy's erasure applies.", "Add rules to it.");
  const staying = consent === null ? keptOf(policy, subject, key) : [];
  await client.query("savepoint lifeboat_plan");
  const kept = await counted(client, [...staying, ...candidates.map(untouched)], policy.mostRows, key);
  await client.query("rollback to savepoint lifeboat_plan");
  const rows = await counted(client, candidates, policy.mostRows, key);
  const rules = candidates.map((one, at): LedgerRule => {
    const found = rows[at] ?? 0;
    return { ...one, rows: found, most: wanted.most ?? Math.max(2 * found, found + policy.slackRows) };
  });
  const told = { consent, subject: [...subject], rules: rules.map(({ hash: _, ...rule }) => rule) };
  const plan = {
    rules,
    kept: staying.map(({ table, because }, at) => ({ table, because, rows: kept[at] ?? 0 })),
  };
  return {
    ...{ ...plan, rows: rules.filter(changes).reduce((sum, one) => sum + one.rows, 0) },
    hash: createHmac("sha256", secret)
      .update(JSON.stringify([told, plan.kept]))
      .digest("hex"),
  };
}

/** Whether a rule does anything: what only leads to other rows stays as it is. */
export const changes = ({ action }: Pick<LedgerRule, "action">): boolean =>
  action === "delete" || Object.keys(action).length > 0;

const untouched = (one: Candidate): Candidate => ({ ...one, action: {} });

/** Rows that each rule has found. */
async function counted(client: Client, rules: readonly Candidate[], mostRows: number, key: HashKey): Promise<number[]> {
  const entry: ErasedEntry = trial(rules, mostRows, key);
  const numbers = replayData([entry]).most.map(({ number }) => number);
  const { done, dangling } = await replayChecked(client, { entries: [entry], key }, "epoch").catch((error: unknown) => {
    throw error instanceof LifeboatError && error.code === "erasure-too-much" ? tooMuch(error, mostRows) : error;
  });
  if (dangling.length > 0)
    throw new ConfigurationError(
      "erasure-dangling",
      `Rows that stay would refer to rows that go: ${dangling.map(({ key: name, rows }) => `${countOf(rows, "row")} by ${name}`).join("; ")}.`,
      "Nothing was changed. Add a rule for their table to `erasure` in lifeboat.config.ts: they may be of the same person.",
    );
  return numbers.map((number) =>
    done.filter(({ rule }) => rule.number === number).reduce((sum, one) => sum + one.rows, 0),
  );
}

/** An entry that no ledger has. */
function trial(rules: readonly Candidate[], most: number, key: HashKey): ErasedEntry {
  const id = "00000000T000000Z-00000000";
  return {
    ...{ format: "lifeboat-erasure/1", number: 1, mark: 0, previous: null, id, at: "1970-01-01T00:00:00Z", by: "" },
    ...{ event: "erase", request: null, consent: null, plan: "", key: commitmentOf(key), kept: [] },
    ...{ rules: rules.map((one) => ({ ...one, rows: 0, most })), script: { key: "", bytes: 0, sha256: "" } },
  };
}

function tooMuch({ message }: LifeboatError, mostRows: number): ConfigurationError {
  return new ConfigurationError(
    "subject-matches-too-much",
    `The person would be found in more than ${countOf(mostRows, "row")} of a table: ${message}`,
    "Nothing was changed. A rule finds others too, or the policy's erasure.mostRows is too low for this project.",
  );
}
