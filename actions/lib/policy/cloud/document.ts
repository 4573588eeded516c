/**
 * What the owner's AWS account has to hold is written once, as the resources of CloudFormation with `${Parameter}` where the owner's own
 * names belong. A template is made of it with `asTemplate`; what a check compares with, and what a test judges, is made with `filled`.
 */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** What the parameters of the stacks are, and CloudFormation's own, e.g. `AWS::AccountId`. */
export type Values = Readonly<Record<string, string | readonly string[]>>;

/** A value that is there only where the condition holds. */
export function onlyWith(condition: Condition, value: Json): Json {
  return { "Fn::If": [condition, value, nothing] };
}

const nothing = { Ref: "AWS::NoValue" };

function isNothing(value: Json): boolean {
  return typeof value === "object" && value !== null && "Ref" in value && value["Ref"] === nothing.Ref;
}

export type Condition = "HasReplica" | "HasFiles" | "MakesProvider";

/** What each condition says of the parameters. */
export const conditions: Readonly<Record<Condition, (values: Values) => boolean>> = {
  HasReplica: ({ ReplicaBucket, DatabaseBucket }) => ReplicaBucket !== DatabaseBucket,
  HasFiles: ({ FilesBucket, DatabaseBucket }) => FilesBucket !== DatabaseBucket,
  MakesProvider: ({ GitHubProvider }) => GitHubProvider === "",
};

/** The same for CloudFormation. */
export const templateConditions: Readonly<Record<Condition, Json>> = {
  HasReplica: { "Fn::Not": [{ "Fn::Equals": [{ Ref: "ReplicaBucket" }, { Ref: "DatabaseBucket" }] }] },
  HasFiles: { "Fn::Not": [{ "Fn::Equals": [{ Ref: "FilesBucket" }, { Ref: "DatabaseBucket" }] }] },
  MakesProvider: { "Fn::Equals": [{ Ref: "GitHubProvider" }, ""] },
};

const whole = /^\$\{([\w:.]+)\}$/;
const any = /\$\{([\w:.]+)\}/g;

/** With CloudFormation's functions in the place of `${…}`. */
export function asTemplate(value: Json): Json {
  if (typeof value === "string") {
    const [, name] = whole.exec(value) ?? [];
    if (name === undefined) return value.includes("${") ? { "Fn::Sub": value } : value;
    const [resource = "", attribute] = name.split(".");
    return attribute === undefined ? { Ref: name } : { "Fn::GetAtt": [resource, attribute] };
  }
  if (isList(value)) return value.map(asTemplate);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, asTemplate(each)]));
}

/**
 * With the values in the place of `${…}`, and without what its condition leaves out.
 * @throws Error for a name that has no value
 */
export function filled(value: Json, values: Values): Json {
  const made = fill(value, values);
  if (made === undefined) throw new Error("A condition leaves nothing.");
  return made;
}

function fill(value: Json, values: Values): Json | undefined {
  if (typeof value === "string") {
    const [, name] = whole.exec(value) ?? [];
    return name === undefined
      ? value.replaceAll(any, (_, each: string) => String(valueFor(values, each)))
      : valueFor(values, name);
  }
  if (isList(value)) return value.flatMap((each) => fill(each, values) ?? []);
  if (typeof value !== "object" || value === null) return value;
  const chosen = value["Fn::If"];
  if (chosen !== undefined && isList(chosen)) {
    const [condition, then, otherwise] = chosen;
    const kept = conditions[condition as Condition](values) ? then : otherwise;
    return kept === undefined || isNothing(kept) ? undefined : fill(kept, values);
  }
  const entries = Object.entries(value).map(([name, each]) => [name, fill(each, values)] as const);
  return Object.fromEntries(entries.flatMap(([name, each]) => (each === undefined ? [] : [[name, each] as const])));
}

function valueFor(values: Values, name: string): string | readonly string[] {
  const value = values[name];
  if (value === undefined) throw new Error(`Nobody has said what ${name} is.`);
  return value;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** As IAM and S3 write a statement of a policy. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: Json;
  readonly Action: readonly string[];
  readonly Resource?: readonly string[];
  readonly Condition?: { readonly [operator: string]: { readonly [key: string]: Json } };
}

/** A whole policy of such statements. */
export function policyDocument(statements: readonly Statement[]): Json {
  return { Version: "2012-10-17", Statement: statements as unknown as Json };
}

/** A bucket of the vault, as the parameters call it. */
export type Bucket = "DatabaseBucket" | "FilesBucket" | "ReplicaBucket";

/** ARNs below a bucket; without paths that of the bucket itself. */
export function within(bucket: Bucket): (...paths: readonly string[]) => string[] {
  const arn = `arn:aws:s3:::\${${bucket}}`;
  return (...paths) => (paths.length === 0 ? [arn] : paths.map((path) => `${arn}/${path}`));
}

export const database = within("DatabaseBucket");
export const files = within("FilesBucket");
export const replica = within("ReplicaBucket");
