import type { Inventory, Role } from "../postgres/inventory/model.ts";
import { assignment } from "../postgres/inventory/roles.ts";
import { isPlatformOwner, isReservedRole } from "../postgres/platform-owned.ts";
import { forEverybody, roleKey } from "../supabase/platform/fact.ts";
import type { Platform } from "../supabase/platform/platform.ts";
import type { Difference } from "./difference.ts";
import type { CompareContext } from "./judge-platform.ts";

const inDatabase = "here ";
const nameOf = (text: string) => text.split("=", 1)[0] ?? "";

/** As the baseline writes them, see supabase/platform/fact. */
function settingTexts(role: Role): string[] {
  return role.settings.map(({ setting, database }) => (database ? inDatabase + setting : setting));
}

/** Lists of names are the same however their names are quoted. */
function without(texts: readonly string[], others: Iterable<string>): string[] {
  const normal = (text: string) =>
    text.startsWith(inDatabase) ? inDatabase + assignment(text.slice(inDatabase.length)) : assignment(text);
  const known = new Set([...others].map(normal));
  return texts.filter((text) => !known.has(normal(text)));
}

/** Setting names only: a setting may hold a secret (`app.jwt_secret`). */
function detailOf(lost: readonly string[], gained: readonly string[]): string {
  const names = (texts: readonly string[]) => texts.map(nameOf).join(", ");
  return [
    ...(lost.length > 0 ? [`lost or other: ${names(lost)}`] : []),
    ...(gained.length > 0 ? [`only here or other: ${names(gained)}`] : []),
  ].join("; ");
}

/** Nobody outside acts as such a role, and only a superuser sets anything for it. */
function isClosed({ name }: Role): boolean {
  return isPlatformOwner(name) && name !== "authenticator";
}

/** Settings of one role, for all databases and for this one. */
export function compareSettings(role: Role, twin: Role, context: CompareContext): Difference[] {
  const { platform, failures } = context;
  const lost = without(settingTexts(role), settingTexts(twin));
  const gained = without(settingTexts(twin), settingTexts(role));
  if (lost.length + gained.length === 0) return [];
  const base = { kind: "role", identity: role.name, aspect: "settings" as const };
  const reserved = platform !== undefined && isReservedRole(role.name);
  const present = reserved ? (platform.target.state(roleKey(role.name))?.rights ?? []) : [];
  const before = reserved ? (platform.source?.state(roleKey(role.name))?.rights ?? []) : [];
  const names = new Set([...present].map(nameOf));
  const closed = (text: string) => reserved && isClosed(role) && names.has(nameOf(text));
  // What a new project has and the target lacks, somebody has taken from it.
  const toldApart = without(lost, before).concat(lost.filter((text) => without([text], present).length === 0));
  const wrongLost = [...new Set(toldApart)].filter((text) => !closed(text));
  const takenAway = gained.filter(
    (text) => without([text], before).length === 0 && !lost.some((one) => nameOf(one) === nameOf(text)),
  );
  const wrongGained = [...new Set([...without(gained, present), ...takenAway])].filter((text) => !closed(text));
  if (wrongLost.length + wrongGained.length === 0) {
    const why = "Supabase's own role; the target project has it in its own version";
    return [{ ...base, detail: detailOf(lost, gained), verdict: "expected", why }];
  }
  const why =
    failures.get(`role ${role.name}`) ?? (wrongGained.length > 0 ? "the set does not say so" : "nothing was reported");
  return [{ ...base, detail: detailOf(wrongLost, wrongGained), verdict: "failed", why }];
}

/** Another value in each project, written by the platform: the JWT secret and its expiry. */
const ofEachProject = /^app\.settings\./;

export function compareDatabaseSettings(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const { platform, failures } = context;
  const lost = without(source.databaseSettings, target.databaseSettings);
  const gained = without(target.databaseSettings, source.databaseSettings);
  if (lost.length + gained.length === 0) return [];
  const base = { kind: "database", identity: "current", aspect: "settings" as const };
  const refused = failures.get("database settings");
  const known = platform?.target.state("database settings")?.rights ?? [];
  const before = platform?.source?.state("database settings")?.rights ?? [];
  const own = (text: string) => platform !== undefined && ofEachProject.test(text);
  // Only the platform's superuser gives a database a setting that Postgres does not know.
  const cannot = (text: string) => platform !== undefined && refused !== undefined && nameOf(text).includes(".");
  const wrongLost = without(lost, before).filter((text) => !own(text) && !cannot(text));
  const wrongGained = without(gained, known).filter(
    (text) => !own(text) && !lost.some((one) => cannot(one) && nameOf(one) === nameOf(text)),
  );
  if (wrongLost.length + wrongGained.length === 0) {
    const why = refused ?? "the target project has settings of its own";
    return [{ ...base, detail: detailOf(lost, gained), verdict: "expected", why }];
  }
  return [
    { ...base, detail: detailOf(wrongLost, wrongGained), verdict: "failed", why: refused ?? "nothing was reported" },
  ];
}

/** ALTER ROLE ALL SET, for all databases: only a superuser does it, and it counts where the database says nothing else. */
export function compareEverybodysSettings(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const [wanted, present] = [source.everybodysSettings ?? [], target.everybodysSettings ?? []];
  const lost = without(wanted, [...present, ...target.databaseSettings]);
  const gained = strangeEverybodys(present, wanted, context.platform);
  if (lost.length + gained.length === 0) return [];
  const base = { kind: "role", identity: "ALL", aspect: "settings" as const, detail: detailOf(lost, gained) };
  const set = lost.map((text) => `ALTER ROLE ALL SET ${nameOf(text)} TO …`);
  const reset = gained
    .filter((text) => !lost.some((one) => nameOf(one) === nameOf(text)))
    .map((text) => `ALTER ROLE ALL RESET ${nameOf(text)}`);
  return [{ ...base, verdict: "failed", why: `as a superuser: ${[...set, ...reset].join("; ")}` }];
}

function strangeEverybodys(
  present: readonly string[],
  wanted: readonly string[],
  platform: Platform | undefined,
): string[] {
  const known = [...(platform?.target.state("database settings")?.rights ?? [])];
  const ofNew = known.filter((text) => text.startsWith(forEverybody)).map((text) => text.slice(forEverybody.length));
  return without(without(present, wanted), ofNew);
}

/** Settings of one of the platform's roles that neither the set nor a new project has, by name. */
export function strangeRoleSettings(role: Role, wanted: readonly Role[], platform: Platform): string[] {
  const known = platform.target.state(roleKey(role.name));
  if (known === undefined) return [];
  const names = new Set([...known.rights].map(nameOf));
  const closed = (text: string) => isClosed(role) && names.has(nameOf(text));
  const ours = wanted.filter(({ name }) => name === role.name).flatMap(settingTexts);
  return without(without(settingTexts(role), known.rights), ours)
    .filter((text) => !closed(text))
    .map((text) => `setting ${nameOf(text)} of role ${role.name}`);
}

/** Settings of the database that no new project and no empty database has, by name. */
export function strangeDatabaseSettings(target: Inventory, platform: Platform | undefined): string[] {
  const known = platform?.target.state("database settings")?.rights ?? [];
  const everybodys = platform === undefined ? [] : strangeEverybodys(target.everybodysSettings ?? [], [], platform);
  return [
    ...without(target.databaseSettings, known)
      .filter((text) => platform === undefined || !ofEachProject.test(text))
      .map((text) => `setting ${nameOf(text)} of the database`),
    ...everybodys.map((text) => `setting ${nameOf(text)} of all roles`),
  ];
}
