import type { Json, Statement } from "../../../actions/lib/policy/cloud/document.ts";

export type Context = Readonly<Record<string, string | readonly string[] | undefined>>;

type Compare = (policy: string, value: string) => boolean;

const equal: Compare = (policy, value) => policy === value;
const folded: Compare = (policy, value) => policy.toLowerCase() === value.toLowerCase();
const number = (compare: (policy: number, value: number) => boolean): Compare => {
  const read = (text: string): number => (/^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN);
  return (policy, value) => compare(read(policy), read(value));
};
const time = (compare: (policy: number, value: number) => boolean): Compare => {
  const read = (text: string): number => (/^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text));
  return (policy, value) => compare(read(policy), read(value));
};

/** Operators whose answer is yes when a value of the policy fits. */
const positive: Readonly<Record<string, Compare>> = {
  StringEquals: equal,
  StringEqualsIgnoreCase: folded,
  StringLike: matchesText,
  NumericEquals: number((policy, value) => value === policy),
  NumericLessThan: number((policy, value) => value < policy),
  NumericLessThanEquals: number((policy, value) => value <= policy),
  NumericGreaterThan: number((policy, value) => value > policy),
  NumericGreaterThanEquals: number((policy, value) => value >= policy),
  DateLessThan: time((policy, value) => value < policy),
  DateGreaterThan: time((policy, value) => value > policy),
  Bool: folded,
  ArnEquals: matchesArn,
  ArnLike: matchesArn,
};

/** And those that ask for the opposite: no value of the policy may fit. */
const negative: Readonly<Record<string, Compare>> = {
  StringNotEquals: equal,
  StringNotEqualsIgnoreCase: folded,
  StringNotLike: matchesText,
  NumericNotEquals: number((policy, value) => value === policy),
  ArnNotEquals: matchesArn,
  ArnNotLike: matchesArn,
};

/** Whether all of a statement's conditions hold. @throws Error for an operator that nobody has written down here */
export function holds(condition: NonNullable<Statement["Condition"]>, context: Context): boolean {
  return Object.entries(condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, value]) => one(operator, [value].flat().map(textOf), valueAt(context, key))),
  );
}

function one(operator: string, policy: readonly string[], found: readonly string[] | undefined): boolean {
  const [, set, name = "", ifExists] = /^(?:(ForAnyValue|ForAllValues):)?(\w+?)(IfExists)?$/.exec(operator) ?? [];
  if (name === "Null") return policy.some((wanted) => (wanted.toLowerCase() === "true") === (found === undefined));
  const [fits, misses] = [positive[name], negative[name]];
  const compare = fits ?? misses;
  if (compare === undefined) throw new Error(`The simulator of IAM knows no ${operator}.`);
  const holdsFor = (value: string): boolean => {
    const any = policy.some((wanted) => compare(wanted, value));
    return fits === undefined ? !any : any;
  };
  // "ForAnyValue … returns false for a missing key, ForAllValues true" (IAM User Guide, Multivalued context keys).
  if (set === "ForAnyValue") return found?.some(holdsFor) ?? false;
  if (set === "ForAllValues") return (found ?? []).every(holdsFor);
  // "If the key … is not present, … the condition … is true" with IfExists, and for negated operators without it.
  if (found === undefined) return ifExists !== undefined || fits === undefined;
  return found.some(holdsFor);
}

function valueAt(context: Context, key: string): readonly string[] | undefined {
  const [, value] = Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase()) ?? [];
  return value === undefined ? undefined : typeof value === "string" ? [value] : value;
}

function textOf(value: Json): string {
  if (typeof value === "object") throw new Error("A condition compares with texts, numbers and truths alone.");
  return String(value);
}

/** `*` stands for any characters, `?` for one. */
export function matchesText(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(text);
}

/** Part by part: what a star stands for ends at the next of the first five colons. */
function matchesArn(pattern: string, text: string): boolean {
  const parts = (arn: string): string[] => {
    const [one = "", two = "", three = "", four = "", five = "", ...rest] = arn.split(":");
    return [one, two, three, four, five, rest.join(":")];
  };
  const [wanted, found] = [parts(pattern), parts(text)];
  return wanted.every((part, place) => matchesText(part, found[place] ?? ""));
}
