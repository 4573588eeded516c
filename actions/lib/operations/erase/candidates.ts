import type { EraseRule, ErasurePolicy, FileRule, Find } from "../../config/policy/erasure.ts";
import { type LedgerRule, placeOf } from "../../vault/erasures/entries.ts";
import { type HashKey, hashOfValue } from "../../vault/erasures/hash-key.ts";
import { filesTable } from "../erasures/erased-files.ts";
import type { Subject } from "./subject.ts";

/** A rule of the policy for one person, before anybody has counted. */
export type Candidate = Omit<LedgerRule, "rows" | "most">;

/**
 * What erasing this person means: the policy's rules, with the person's values hashed. A rule for an identifier that the person
 * does not have finds nothing, and is left out. Pure.
 * @param consent name of the consent that is withdrawn; null: the person is erased
 */
export function candidatesOf(
  policy: ErasurePolicy,
  subject: Subject,
  key: HashKey,
  consent: string | null,
): Candidate[] {
  const erasing = policy.rules.filter((rule): rule is EraseRule => "erase" in rule);
  const rules = consent === null ? erasing : (policy.revocations[consent] ?? []);
  const files = consent === null ? policy.files.map(fileRule) : [];
  const own = [...rules, ...files].map((rule) => ({ ...rule, action: actionOf(rule.erase) }));
  // What others are found through has to be there to be found, also where it stays.
  const parents = policy.rules
    .filter((rule) => own.some(({ find }) => "of" in find && find.of === rule.table))
    .filter((rule) => !own.some((one) => placeOf(one) === placeOf(rule)))
    .map((rule) => ({ ...rule, action: {} }));
  return [...own, ...parents].flatMap((rule) => hashed(rule, subject, key));
}

/** The same of what stays: counted, and told with its article. */
export function keptOf(policy: ErasurePolicy, subject: Subject, key: HashKey): (Candidate & { because: string })[] {
  return policy.rules.flatMap((rule) =>
    "keep" in rule ? hashed({ ...rule, action: {} }, subject, key).map((one) => ({ ...one, because: rule.keep })) : [],
  );
}

function hashed(
  { table, find, action }: Pick<Candidate, "table" | "find" | "action">,
  subject: Subject,
  key: HashKey,
): Candidate[] {
  if ("of" in find) return [{ table, find, action, hash: null }];
  const value = subject.get(find.is ?? "id");
  return value === undefined ? [] : [{ table, find, action, hash: hashOfValue(key, placeOf({ table, find }), value) }];
}

function actionOf(erase: EraseRule["erase"]): Candidate["action"] {
  if (erase === "delete") return "delete";
  return Object.fromEntries(Object.entries(erase).map(([column, value]) => [column, value ?? "null"]));
}

function fileRule(rule: FileRule): EraseRule {
  const only = { column: "bucket_id", value: rule.bucket };
  const find: Find =
    "path" in rule
      ? { column: "name", pattern: rule.path, only, ...(rule.is !== undefined && { is: rule.is }) }
      : { column: "owner_id", only };
  return { table: filesTable, find, erase: "delete" };
}
