import { z } from "zod";
import { ConfigurationError, LifeboatError, OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { countOf } from "../../base/measures.ts";
import { readNote } from "../../seal/keys/signature.ts";
import type { VerifyRelease, VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { type Version, versionPages } from "../s3/versions.ts";

/**
 * Where incidents lie, in each bucket of the vault; nothing there is ever replaced.
 *
 *     incident/<id>/begin.json        what began it; signed where a key was at hand, and it counts without
 *     incident/<id>/api.json          signed: how the Data API was set before it was switched off
 *     incident/<id>/evidence/…        sealed to the recipients
 *     incident/<id>/end.json          signed, or it does not count; `end-<8 hex>.json` where somebody took the name
 */
const incidentsPrefix = "incident/";
export const beginName = "begin.json";
const endPattern = /^end(-[0-9a-f]{8})?\.json$/;

export const incidentPrefix = (id: string): string => `${incidentsPrefix}${id}/`;

/** Looser than what is written: whatever a later version adds, it is an incident. */
const beginSchema = z.looseObject({
  format: z.literal("lifeboat-incident/1"),
  incident: z.string(),
  reason: z.string(),
});

/** Strict: it lets go. */
const endSchema = z.strictObject({
  format: z.literal("lifeboat-incident-end/1"),
  incident: z.string(),
  reason: z.string(),
  /** ISO 8601, by the clock of whoever ended it. */
  at: z.iso.datetime(),
  /** Who ended it, in words. */
  by: z.string(),
});

/** One incident that is on. */
export interface Incident {
  /** The name of its folder below `incident/`; `unknown` where the folders cannot be listed. */
  readonly id: string;
  /** In the words of whoever began it; anybody who can write the bucket may have. */
  readonly reason: string;
  /** ISO 8601, by the store's clock; null where it cannot be told. */
  readonly since: string | null;
  /** Why its record cannot be believed as it stands. The incident counts all the same. Null: a pinned key signed it. */
  readonly problem: string | null;
  /** Nobody can say whether one is on: there is no such folder. */
  readonly unreadable?: true;
}

/** The oldest incident that is on, and all of them; `ended`: ids of those that are over. */
export type IncidentState =
  | { readonly on: false; readonly ended: readonly string[] }
  | (Incident & { readonly on: true; readonly all: readonly Incident[]; readonly ended: readonly string[] });

/** More than this is somebody's doing, and is not read. */
const most = { versions: 5000, ends: 50, bytes: 64 * 1024 } as const;
/** `id` of an incident whose state cannot be read, and the mark of one whose own name is no good one. */
const unknown = "unknown";

/** Ends that a trusted key signed, by verifier: what a version holds never changes. */
const knownEnds = new WeakMap<VerifySignature, Set<string>>();

/**
 * Whether an incident is on in this bucket. What begins one needs no key: anything that lies in `incident/<id>/` does, hidden, damaged
 * or of an unknown form. What ends one is `end….json`, signed by a trusted key and naming that very incident. A state that
 * cannot be read counts as an incident. Costs one list, and a small read for each incident; every version is looked at.
 *
 * @throws nothing of the store's: its failures are an incident
 */
export async function readIncident(vault: Vault, verify: VerifyRelease): Promise<IncidentState> {
  try {
    const folders = await listIncidents(vault);
    const read = await mapBounded([...folders], 8, async ([id, versions]) => ({
      id,
      incident: (await isEnded(vault, id, versions, verify)) ? undefined : await describe(vault, id, versions, verify),
    }));
    const all = read
      .flatMap(({ incident }) => incident ?? [])
      .sort((a, b) => ((a.since ?? "") < (b.since ?? "") ? -1 : 1));
    const ended = read.filter(({ incident }) => incident === undefined).map(({ id }) => id);
    const [oldest] = all;
    return oldest === undefined ? { on: false, ended } : { ...oldest, on: true, all, ended };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    const reason = `whether an incident is on cannot be read (${error.message})`;
    const incident = { id: unknown, reason, since: null, problem: "a state that cannot be read counts as an incident" };
    const all = [{ ...incident, unreadable: true as const }];
    return { ...incident, unreadable: true, on: true, all, ended: [] };
  }
}

async function listIncidents(vault: Vault): Promise<Map<string, Version[]>> {
  const folders = new Map<string, Version[]>();
  let listed = 0;
  for await (const { versions } of versionPages(vault.transport, incidentsPrefix)) {
    for (const version of versions) {
      const id = version.key.slice(incidentsPrefix.length).split("/", 1)[0] ?? "";
      folders.set(id, [...(folders.get(id) ?? []), version]);
    }
    listed += versions.length;
    if (listed > most.versions)
      throw new OperationError(
        "incident-flooded",
        `${incidentsPrefix} in bucket ${vault.bucket} holds more objects than Lifeboat writes`,
      );
  }
  return folders;
}

async function isEnded(vault: Vault, id: string, versions: readonly Version[], verify: VerifySignature) {
  const prefix = `${incidentsPrefix}${id}/`;
  const ends = versions.filter(
    ({ key, marker }) => !marker && key.startsWith(prefix) && endPattern.test(key.slice(prefix.length)),
  );
  const known = knownEnds.get(verify) ?? new Set<string>();
  knownEnds.set(verify, known);
  for (const end of ends.slice(0, most.ends)) {
    const name = `${vault.bucket}/${end.key}@${end.versionId}`;
    const versioned = end.versionId !== undefined && end.versionId !== "null";
    if (versioned && known.has(name)) return true;
    if (end.bytes > most.bytes) continue;
    const note = await readVersion(vault, end, verify);
    const ended = note?.trusted === true && endSchema.safeParse(note.document).data?.incident === id;
    if (ended && versioned) known.add(name);
    if (ended) return true;
  }
  return false;
}

/** What began it, as it was written first. */
async function describe(
  vault: Vault,
  id: string,
  versions: readonly Version[],
  verify: VerifyRelease,
): Promise<Incident> {
  const times = versions.flatMap(({ lastModified }) => lastModified?.getTime() ?? []);
  const since = times.length === 0 ? null : new Date(Math.min(...times)).toISOString();
  const of = (reason: string, problem: string | null): Incident => ({ id, reason, since, problem });
  const begins = versions.filter(({ key }) => key === `${incidentsPrefix}${id}/${beginName}`);
  const written = begins.findLast(({ marker }) => !marker);
  if (written === undefined) return of("not known", "what began it is gone");
  if (written.bytes > most.bytes) return of("not known", "what began it is larger than Lifeboat writes it");
  const note = await readVersion(vault, written, verify.begins ?? verify);
  const begin = beginSchema.safeParse(note?.document).data;
  if (note === undefined || begin?.incident !== id)
    return of("not known", "what began it is not in a form that Lifeboat knows");
  if (begins.some(({ marker, latest }) => marker && latest))
    return of(begin.reason, "somebody has hidden what began it");
  return of(begin.reason, note.trusted ? null : "no pinned key has signed what began it");
}

/** @returns undefined for what is not there any more, or is not JSON */
async function readVersion(vault: Vault, { key, versionId }: Version, verify: VerifySignature) {
  try {
    return await readNote((await vault.get(key, { versionId, maxBytes: most.bytes })).body, verify);
  } catch (error) {
    if (error instanceof LifeboatError && ["s3-missing", "s3-too-large"].includes(error.code)) return undefined;
    throw error;
  }
}

/**
 * Refuses what forgets or overwrites while an incident is on.
 * @param what e.g. `retention removes what the policy no longer keeps`; begins the message
 * @throws ConfigurationError `incident-on`
 */
export async function assertNoIncident(vault: Vault, verify: VerifyRelease, what: string): Promise<void> {
  const state = await readIncident(vault, verify);
  if (state.on)
    throw new ConfigurationError("incident-on", `Refused: ${what}, and ${describeIncident(state)}.`, howToEnd(state));
}

/** @throws OperationError `incident-on` @param what that is about to be removed, e.g. `set 20261122T221500Z-1a2b3c4d` */
export type IncidentGate = (what: string) => Promise<void>;

/** For how long an answer is good enough: a begin is heard by every gate within this time. */
const freshMillis = 1000;

/**
 * Asks again before each removal, in each of these buckets; answers are used for a second, so that a thousand removals do not ask a
 * thousand times.
 * @throws (the gate) OperationError `incident-on`: what went before it began is gone, nothing goes after it
 */
export function incidentGate(vaults: readonly Vault[], verify: VerifyRelease): IncidentGate {
  // Two vaults may lie in one bucket.
  const buckets = [...new Map(vaults.map((vault) => [vault.bucket, vault])).values()];
  const gates = buckets.map((vault) => gateOf(vault, verify));
  return async (what) => {
    for (const gate of gates) await gate(what);
  };
}

function gateOf(vault: Vault, verify: VerifyRelease): IncidentGate {
  let asked: { readonly at: number; readonly state: Promise<IncidentState> } | undefined;
  return async (what) => {
    const now = performance.now();
    if (asked === undefined || now - asked.at > freshMillis) asked = { at: now, state: readIncident(vault, verify) };
    const state = await asked.state;
    if (state.on)
      throw new OperationError("incident-on", `Stopped before ${what}: ${describeIncident(state)}.`, howToEnd(state));
  };
}

/** E.g. `an incident is on since 2026-11-22T22:15:00.000Z (20261122T221500Z-1a2b3c4d: keys were stolen)`. */
export function describeIncident(state: Extract<IncidentState, { on: true }>): string {
  const { all, id, reason, since, problem, unreadable } = state;
  if (unreadable === true) return reason;
  const more = all.length > 1 ? `, and ${countOf(all.length - 1, "more incident")}` : "";
  const doubt = problem === null ? "" : `; ${problem}`;
  return `an incident is on${since === null ? "" : ` since ${since}`} (${id}: ${reason.slice(0, 200)}${doubt})${more}`;
}

function howToEnd({ unreadable }: Incident): string {
  return unreadable === true
    ? "Make `incident/` readable for this role: nothing is forgotten before that."
    : "Nothing is forgotten or overwritten while it is on. When it is over: `lifeboat incident end --reason …` (runbooks/incident.md).";
}

/** What a manifest may carry. Folders are named by whoever can write the bucket, and must not be able to stop a backup. */
function markOf(id: string): string {
  return /^[\w-]{1,100}$/.test(id) ? id : unknown;
}

/** What a run that makes a set or a snapshot has to know of incidents. */
export interface IncidentWatch {
  /** Whether one was on when the run began. */
  readonly on: boolean;
  /** Id of one that was on at any time since; undefined: none. For the manifest, asked when it is about to be signed. */
  mark(): Promise<string | undefined>;
}

/**
 * Begins to watch, before anything is read from the source. A run goes on during an incident, and what it makes bears a mark: it
 * is never the newest good one.
 */
export async function watchIncident(vault: Vault, verify: VerifyRelease, log: Log): Promise<IncidentWatch> {
  const before = await readIncident(vault, verify);
  const tell = (id: string, what: string): string => {
    log.warn(
      `${what.charAt(0).toUpperCase()}${what.slice(1)}: what is made now bears its mark and is never the newest good one.`,
    );
    return markOf(id);
  };
  const atBegin = before.on ? tell(before.id, describeIncident(before)) : undefined;
  return {
    on: before.on,
    async mark() {
      if (atBegin !== undefined) return atBegin;
      const after = await readIncident(vault, verify);
      if (after.on) return tell(after.id, describeIncident(after));
      const meanwhile = after.ended.find((id) => !before.ended.includes(id));
      return meanwhile === undefined ? undefined : tell(meanwhile, `incident ${meanwhile} was on meanwhile`);
    },
  };
}
