import { createHash, createHmac } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { ApiRefusal } from "../../supabase/api-refusal.ts";
import { readPart, type SettingSection } from "../../supabase/configuration/capture.ts";
import { type CapturedField, isSecretName } from "../../supabase/configuration/document.ts";
import { projectPath } from "../../supabase/management-api.ts";
import { type Carrying, deniedRow, escrowNext, type Row, rowOf, spoken, staleValue, whenLive } from "./row.ts";
import { groupOf, needsSecret, type Rule, ruleOf } from "./rules.ts";

/** Parts whose settings have a rule each. */
export type Settings = Exclude<SettingSection, "signing-keys" | "sign-in-providers">;

/** How a part is written; what is not here is never written. */
const writers: Partial<Readonly<Record<Settings, Writer>>> = {
  auth: { method: "PATCH", path: "/config/auth" },
  postgrest: { method: "PATCH", path: "/postgrest" },
  pooler: { method: "PATCH", path: "/config/database/pooler" },
  storage: { method: "PATCH", path: "/config/storage" },
  realtime: { method: "PATCH", path: "/config/realtime" },
  postgres: { method: "PUT", path: "/config/database/postgres" },
  ssl: { method: "PUT", path: "/ssl-enforcement", body: (requestedConfig) => ({ requestedConfig }) },
  network: {
    ...{ method: "POST", path: "/network-restrictions/apply" },
    // It sets all of them at once: what is not sent is as it was.
    body: (fields, there) => ({ ...Object.fromEntries(there), ...fields }),
  },
};
interface Writer {
  readonly method: "PATCH" | "PUT" | "POST";
  readonly path: string;
  readonly body?: (fields: object, there: ReadonlyMap<string, unknown>) => object;
}

/** A setting that is to be written. */
interface Pending {
  readonly field: string;
  readonly value: unknown;
  readonly unsure: boolean;
  /** Whether it is there, by what the API shows. */
  holds(shown: unknown): boolean;
  /** What is there was never the lost project's. */
  stale?(shown: unknown): Row | undefined;
  readonly next?: string | undefined;
}

/**
 * Puts the settings of one part back: what differs is sent, in as few requests as it takes to find what is refused, and read back.
 * @returns a row for each of `fields`, in their order
 * @throws what the client throws when the API gives no answer
 */
export async function carrySettings(
  work: Carrying,
  section: Settings,
  fields: readonly CapturedField[],
): Promise<Row[]> {
  let there: ReadonlyMap<string, unknown>;
  try {
    there = await readPart(work.api, work.ref, section);
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    return fields.map((field) => withoutTarget(section, field, error));
  }
  const rows = new Map<string, Row>();
  const pending: Pending[] = [];
  for (const one of fields) {
    const judged = judge(work, section, one, fields, there);
    if ("outcome" in judged) rows.set(one.field, judged);
    else pending.push(judged);
  }
  const writer = writers[section];
  if (work.rehearse === true || writer === undefined || pending.length === 0) {
    for (const { field, next } of pending) rows.set(field, rowOf(section, field, "carried", undefined, next));
  } else {
    for (const row of await write(work, section, writer, pending, there)) rows.set(row.field, row);
  }
  return fields.map(({ field }) => rows.get(field) ?? rowOf(section, field, "refused", "nothing became of it"));
}

/** The target tells nothing of this part: what would be written is refused, what would not is listed as it would be anyway. */
function withoutTarget(section: Settings, one: CapturedField, error: ApiRefusal): Row {
  const rule = ruleOf(section, one.field);
  if ("missing" in one) return missingRow(section, one.field, one.missing, rule);
  return rule.way === "leave"
    ? rowOf(section, one.field, "listed", rule.why, rule.next)
    : deniedRow(section, one.field, error);
}

function missingRow(section: Settings, field: string, why: string, rule: Rule): Row {
  // The new project has one of its own, and the set need not have it.
  if (rule.way === "leave" && rule.own) return rowOf(section, field, "listed", rule.why, rule.next);
  const next = "Compare it with what you know of the lost project.";
  return rowOf(section, field, "listed", `the set does not have it: ${why}`, next);
}

/** What is to become of one setting, before anything is written. */
function judge(
  work: Carrying,
  section: Settings,
  one: CapturedField,
  all: readonly CapturedField[],
  there: ReadonlyMap<string, unknown>,
): Row | Pending {
  const { field } = one;
  const shown = there.get(field);
  const rule = ruleOf(section, field);
  const listed = (why: string, next?: string): Row => rowOf(section, field, "listed", why, next);
  if ("missing" in one && !(rule.way === "supply" && work.supplied?.has(rule.name)))
    return missingRow(section, field, one.missing, rule);
  if ("value" in one && same(one.value, shown) && !(rule.way === "leave" && rule.own))
    return rowOf(section, field, "already");
  if (rule.way === "leave") return listed(rule.why, rule.next);
  if (rule.when === "last" && !work.goLive) return listed("it goes out to others: somebody has to say so", whenLive);
  if (!there.has(field) && section !== "postgres")
    return listed("the new project has no such setting", "Look for it in the dashboard.");
  if (!("value" in one))
    return supplied(work, section, field, { shown, was: "hashed" in one ? one.hashed : undefined });
  const lacking = needed(work, field, one.value, all);
  if (lacking !== undefined)
    return listed(`it is of no use without ${lacking}, which Supabase tells nobody`, escrowNext(`auth:${lacking}`));
  if (leadsAway(work, field, all))
    return listed("it leads to the lost project", "Set it to the new project's address, then switch the hook on.");
  return {
    ...{ field, value: one.value, holds: (now: unknown) => same(one.value, now) },
    unsure: rule.way === "write" && rule.unsure === true,
    next: namesLost(work, one.value)
      ? "Its value names the lost project: change it where the new address belongs."
      : undefined,
  };
}

/**
 * A secret: its value comes from escrow. Whether that is still the lost project's can be told where the target shows a hash that is made
 * in a way we know: the set's would be made in the same.
 * @param shown the hash that the target shows, or nothing; `was`: the set's, where it has one
 */
function supplied(
  work: Carrying,
  section: Settings,
  field: string,
  { shown, was }: { readonly shown: unknown; readonly was: string | undefined },
): Row | Pending {
  const value = work.supplied?.get(`auth:${field}`);
  if (value === undefined)
    return rowOf(section, field, "listed", "Supabase tells its hash alone", escrowNext(`auth:${field}`));
  const known = hashesOf(value, work.ref);
  const before = hashesOf(value, work.configuration.projectRef);
  const bare = (hash: unknown): string => (typeof hash === "string" ? hash.replace(/^hash:/, "").toLowerCase() : "");
  const stale = (now: unknown): Row | undefined => {
    const way = known.indexOf(bare(now));
    if (was === undefined || way < 0 || before[way] === bare(was)) return undefined;
    return rowOf(section, field, "refused", staleValue, escrowNext(`auth:${field}`));
  };
  if (known.includes(bare(shown))) return stale(shown) ?? rowOf(section, field, "already");
  const holds = (now: unknown): boolean => known.includes(bare(now)) || (bare(now) !== "" && bare(now) !== bare(shown));
  return { field, value, unsure: false, holds, stale };
}

/** How the API may show a secret: hashed, or hashed with the project's ref as key. */
const hashesOf = (value: string, ref: string): string[] => [
  createHash("sha256").update(value).digest("hex"),
  createHmac("sha256", ref).update(value).digest("hex"),
];

/** The secret without which a setting would be switched on for nothing. */
function needed(work: Carrying, field: string, value: unknown, all: readonly CapturedField[]): string | undefined {
  const phone = field === "external_phone_enabled";
  if (value === false || value === null || value === "" || !(phone || needsSecret(field))) return undefined;
  const group = phone ? `sms_${providerOf(all)}` : groupOf(field);
  const secrets = all.filter((one) => "hashed" in one || ("missing" in one && isSecretName(one.field)));
  const lacks = secrets.filter((one) => !work.supplied?.has(`auth:${one.field}`));
  return lacks.find((one) => groupOf(one.field) === group)?.field;
}

/** Whether a setting belongs to a hook that calls the lost project: every login would wait for it. */
function leadsAway(work: Carrying, field: string, all: readonly CapturedField[]): boolean {
  const uri = all.find((one) => one.field === `${groupOf(field)}_uri`);
  return /^hook_/.test(field) && uri !== undefined && "value" in uri && namesLost(work, uri.value);
}

/** The ref alone is a word of twenty letters: it stands in addresses, and in nothing else. */
function namesLost({ configuration, ref }: Carrying, value: unknown): boolean {
  const lost = configuration.projectRef;
  return lost !== ref && (JSON.stringify(value)?.includes(lost) ?? false);
}

function providerOf(all: readonly CapturedField[]): string {
  const found = all.find(({ field }) => field === "sms_provider");
  return found !== undefined && "value" in found ? String(found.value) : "";
}

/** Lists of names are told with blanks or without. */
function same(one: unknown, other: unknown): boolean {
  if (typeof one !== "string" || typeof other !== "string") return isDeepStrictEqual(one, other);
  const tight = (text: string): string => text.replaceAll(/\s*,\s*/g, ",").trim();
  return tight(one) === tight(other);
}

async function write(
  { api, ref }: Pick<Carrying, "api" | "ref">,
  section: Settings,
  { method, path, body }: Writer,
  pending: readonly Pending[],
  there: ReadonlyMap<string, unknown>,
): Promise<Row[]> {
  const known = new Map(there);
  const send = async (some: readonly Pending[]): Promise<void> => {
    const fields = Object.fromEntries(some.map(({ field, value }) => [field, value]));
    await api.send(method, projectPath(ref, path), body?.(fields, known) ?? fields);
    // What one half has set must not be taken back by the other.
    for (const { field, value } of some) known.set(field, value);
  };
  const refused = new Map<string, ApiRefusal>();
  const budget = { requests: mostRequests };
  try {
    // What may be refused is sent after the rest, so that it costs the rest nothing.
    for (const unsure of [false, true])
      await sendHalving(pending.filter((one) => one.unsure === unsure).sort(byGroup), send, refused, budget);
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    for (const { field } of pending) if (!refused.has(field)) refused.set(field, error);
  }
  const now = await readPart(api, ref, section);
  return pending.map(({ field, holds, stale, unsure, next }) => {
    const shown = now.get(field);
    if (holds(shown)) return stale?.(shown) ?? rowOf(section, field, "carried", undefined, next);
    const error = refused.get(field);
    if (error === undefined)
      return rowOf(section, field, "refused", "Supabase took it and did not keep it", "Set it in the dashboard.");
    if (!unsure) return deniedRow(section, field, error);
    return rowOf(
      section,
      field,
      "listed",
      `plan or version do not allow it: ${spoken(error)}`,
      "Look at it in the dashboard.",
    );
  });
}

const byGroup = (one: Pending, other: Pending): number =>
  groupOf(one.field) < groupOf(other.field) ? -1 : groupOf(one.field) > groupOf(other.field) ? 1 : 0;

/** To find what is refused among 234 settings takes 16 requests for each. */
const mostRequests = 150;

/**
 * Sends all; where that is refused, each half, until what is refused is known by name and the rest has been taken.
 * @param refused gets what was refused, with the reason
 * @throws ApiRefusal that concerns the request and not what is in it
 */
async function sendHalving(
  some: readonly Pending[],
  send: (some: readonly Pending[]) => Promise<void>,
  refused: Map<string, ApiRefusal>,
  budget: { requests: number },
): Promise<void> {
  if (some.length === 0) return;
  try {
    budget.requests--;
    await send(some);
  } catch (error) {
    if (!(error instanceof ApiRefusal) || !["api-refused", "api-plan"].includes(error.code)) throw error;
    if (some.length === 1 || budget.requests <= 0) {
      for (const { field } of some) refused.set(field, error);
      return;
    }
    const middle = cutOf(some);
    await sendHalving(some.slice(0, middle), send, refused, budget);
    await sendHalving(some.slice(middle), send, refused, budget);
  }
}

/** Where to cut: near the middle, and between groups where there are several. */
function cutOf(some: readonly Pending[]): number {
  const half = some.length / 2;
  const cuts = some.flatMap((one, at) =>
    at > 0 && groupOf(one.field) !== groupOf(some[at - 1]?.field ?? "") ? [at] : [],
  );
  return cuts.sort((one, other) => Math.abs(one - half) - Math.abs(other - half))[0] ?? Math.floor(half);
}
