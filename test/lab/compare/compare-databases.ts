import { createHash } from "node:crypto";
import { type Facts, readFacts } from "./read-facts.ts";

/**
 * The second opinion: reads two databases with plain SQL of its own and says what differs. No code of Lifeboat is used.
 * Each line is `kind identity: left … right …`; rows appear as a count and a hash only, never as values. A sequence of the
 * right side may be ahead. Both URLs need a role that sees every row (superuser, or BYPASSRLS and pg_read_all_data).
 * Between two majors, what no restore can make alike is left out: the text of views (their columns are compared),
 * membership options and versions of extensions.
 * @param left its URL, or, where many are compared with one that nobody writes to, what `readFacts` has read of it
 */
export async function compareDatabases(left: string | Facts, right: string): Promise<string[]> {
  const [leftFacts, rightFacts] = await Promise.all([
    typeof left === "string" ? readFacts(left) : left,
    readFacts(right),
  ]);
  return leftFacts.get("server major") === rightFacts.get("server major")
    ? compareFacts(leftFacts, rightFacts)
    : compareFacts(acrossMajors(leftFacts), acrossMajors(rightFacts));
}

function acrossMajors(facts: Facts): Facts {
  const rewrite = ([key, definition]: [string, string]): [string, string] => {
    if (/^(materialized )?view /.test(key)) return [key, definition.replace(/ as\s.*$/s, "")];
    if (key.startsWith("membership ")) return [key, definition.replaceAll(/ ?(inherit|set) (true|false)/g, "").trim()];
    if (key.startsWith("extension ")) return [key, definition.replace(/^\S+ /, "")];
    return [key, definition];
  };
  return new Map([...facts].filter(([key]) => key !== "server major").map(rewrite));
}

function compareFacts(left: Facts, right: Facts): string[] {
  const keys = [...new Set([...left.keys(), ...right.keys()])].sort();
  return keys.flatMap((key) => {
    const [one, other] = [left.get(key), right.get(key)];
    if (one === other || (key.startsWith("sequence value ") && isAhead(one, other))) return [];
    return [`${oneLine(key)}: left ${shown(one)} right ${shown(other)}`];
  });
}

/** Whether a restored sequence gives no value again that the source already gave. `called` counts as one step. */
function isAhead(left: string | undefined, right: string | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  const next = (fact: string) => {
    const [value = "0", ...rest] = fact.split(" ");
    const step = BigInt(rest.at(-1) ?? "1");
    return { step, next: BigInt(value) + (rest[0] === "called" ? step : 0n) };
  };
  const [one, other] = [next(left), next(right)];
  return one.step > 0n ? other.next >= one.next : other.next <= one.next;
}

/** Long definitions are told apart by their hash; a difference is one line. */
function shown(definition: string | undefined): string {
  if (definition === undefined) return "(absent)";
  const line = oneLine(definition);
  return line.length <= 200 ? line : `${line.slice(0, 120)}… md5 ${createHash("md5").update(definition).digest("hex")}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
