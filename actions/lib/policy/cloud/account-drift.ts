import type { ManagedFacts, ProviderFacts, RoleFacts } from "../../aws/identity.ts";
import { alarmName, manifestRule, ruleName, silenceAlarm } from "./alarm.ts";
import { replicationStatements } from "./bucket.ts";
import { filled, type Json, type Values } from "./document.ts";
import type { Property } from "./property.ts";
import { shared } from "./role-statements.ts";
import { type Role, type RoleName, roleNames, roles } from "./roles.ts";
import { statementProperties } from "./statement-drift.ts";
import { audience, pathOf, sessionSeconds, trustOf } from "./trust.ts";

export interface AccountFacts {
  readonly roles: readonly RoleFacts[];
  readonly managed: readonly ManagedFacts[];
  readonly provider: ProviderFacts | undefined;
  readonly rule: object | undefined;
  readonly alarm: object | undefined;
}

const again = "Run `lifeboat provision aws --revert`, which puts it back.";
const missing = (name: string): Property => ({
  ...{ name, level: "critical", wanted: "there", found: "missing", next: "Make it: `lifeboat provision aws`." },
});

/** Roles, shared policies, the provider, the rule and the alarm. @param values with the account's id, `Provider` and the subject */
export function accountDrift(facts: AccountFacts, values: Values): Property[] {
  const hasReplica = values["ReplicaBucket"] !== values["DatabaseBucket"];
  const jobs = roleNames.filter((name) => roles[name].environment !== null && (hasReplica || !roles[name].onlyWith));
  const people = roleNames.filter((name) => roles[name].environment === null);
  return [
    ...providerDrift(facts.provider),
    ...Object.entries(shared).flatMap(([name, { statements }]) =>
      managedDrift(`shared policy ${name}`, `shared-${name}`, statements as unknown as Json, facts, values),
    ),
    ...jobs.flatMap((name) => roleDrift(name, roles[name], facts, values)),
    ...people.flatMap((name) =>
      managedDrift(`policy ${name}`, name, roles[name].statements as unknown as Json, facts, values),
    ),
    ...(hasReplica ? replicationRole(facts, values) : []),
    ...ruleDrift(facts.rule, values),
    ...alarmDrift(facts.alarm, values),
  ];
}

function providerDrift(provider: ProviderFacts | undefined): Property[] {
  if (provider === undefined) return [missing("OIDC provider of GitHub")];
  return [
    {
      ...{ name: "OIDC provider of GitHub: audience", level: "critical", wanted: true },
      found: provider.audiences.includes(audience),
      next: `IAM, Identity providers: add the audience ${audience}.`,
    },
  ];
}

function managedDrift(name: string, path: string, wanted: Json, { managed }: AccountFacts, values: Values): Property[] {
  const found = managed.filter((one) => one.path === filled(pathOf(path), values));
  if (found.length === 0) return [missing(name)];
  return [
    one(name, found.length),
    ...statementProperties(
      name,
      filled(wanted, values),
      found.map(({ document }) => document),
      again,
    ),
  ];
}

/** Two below one path: one of them is nobody's work. */
function one(name: string, found: number): Property {
  const next = "IAM: find out who has made the other one, and remove it.";
  return { name: `${name}: how many`, level: "critical", wanted: 1, found, next };
}

function roleDrift(name: RoleName, role: Role, facts: AccountFacts, values: Values): Property[] {
  const of = `role ${name}`;
  const found = facts.roles.filter(({ path }) => path === filled(pathOf(name), values));
  const [first] = found;
  if (first === undefined) return [missing(of)];
  const policyPath = (each: string): string => String(filled(`:policy${pathOf(`shared-${each}`)}`, values));
  const ours = Object.keys(shared).map(policyPath);
  return [
    one(of, found.length),
    trust(of, filled(trustOf(role.environment ?? ""), values), first),
    {
      ...{ name: `${of}: longest session`, level: "warning", next: again },
      ...{ wanted: sessionSeconds, found: first.sessionSeconds },
    },
    ...role.shared.map(
      (each): Property => ({
        ...{ name: `${of}: shared policy ${each}`, level: "critical", next: again, wanted: true },
        found: first.attached.some((arn) => arn.includes(policyPath(each))),
      }),
    ),
    {
      ...{ name: `${of}: other policies`, level: "critical", wanted: [], next: again },
      found: first.attached.filter((arn) => !ours.some((path) => arn.includes(path))),
    },
    ...statementProperties(of, filled(role.statements as unknown as Json, values), [...first.inline.values()], again),
  ];
}

function trust(of: string, wanted: unknown, { trust: found }: RoleFacts): Property {
  return {
    name: `${of}: whom it trusts`,
    level: "critical",
    wanted: withoutSids(wanted),
    found: withoutSids(found),
    next: again,
  };
}

/** A statement of a trust may bear a name. */
function withoutSids(document: unknown): unknown {
  return JSON.parse(JSON.stringify(document ?? null), (key, value) =>
    key === "Sid" || key === "Version" ? undefined : value,
  );
}

function replicationRole(facts: AccountFacts, values: Values): Property[] {
  const of = "role of the replication";
  const found = facts.roles.find(({ path }) => path === filled(pathOf("replication"), values));
  if (found === undefined) return [missing(of)];
  const wanted = filled(replicationStatements() as unknown as Json, values);
  return [
    { ...{ name: `${of}: other policies`, level: "critical", wanted: [], next: again }, found: found.attached },
    ...statementProperties(of, wanted, [...found.inline.values()], again),
  ];
}

function ruleDrift(found: object | undefined, values: Values): Property[] {
  const name = "rule of new sets";
  if (found === undefined || !("Name" in found)) return [missing(`${name} (${filled(ruleName, values)})`)];
  const wanted = filled(manifestRule, values) as Record<string, unknown>;
  return ["State", "EventPattern"].map((key) => ({
    ...{ name: `${name}: ${key}`, level: "critical", next: again },
    ...{ wanted: wanted[key], found: (found as Record<string, unknown>)[key] },
  }));
}

/** Who is told is the owner's: that somebody is, is looked at. */
const tells = ["AlarmActions", "OKActions"];
const unlooked = ["AlarmName", "AlarmDescription", ...tells];

function alarmDrift(found: object | undefined, values: Values): Property[] {
  const name = "alarm of silence";
  if (found === undefined) return [missing(`${name} (${filled(alarmName, values)})`)];
  const { AlarmActions, OKActions, ...plain } = silenceAlarm;
  const wanted = filled(plain, values) as Record<string, unknown>;
  const there = found as Record<string, unknown>;
  const own = (key: string): Pick<Property, "name" | "level" | "next"> => ({
    ...{ name: `${name}: ${key}`, level: "critical", next: again },
  });
  return [
    ...Object.keys(wanted)
      .filter((key) => !unlooked.includes(key))
      .map((key): Property => ({ ...own(key), wanted: wanted[key], found: there[key] })),
    ...tells.map(
      (key): Property => ({
        ...{ ...own(key), wanted: true },
        found: Array.isArray(there[key]) && there[key].length > 0,
      }),
    ),
  ];
}
