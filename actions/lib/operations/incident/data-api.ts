import { ConfigurationError, LifeboatError, OperationError } from "../../base/errors.ts";
import { readRestoreTestEnvironment } from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import type { SignBytes } from "../../seal/keys/signature.ts";
import { readDataApi, writeDataApi } from "../../supabase/data-api.ts";
import { type ManagementApi, openManagementApi } from "../../supabase/management-api.ts";
import { type ApiRecord, readApiRecord, writeApiRecord } from "../../vault/incident/api-record.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";

/** The project whose Data API is meant, and the way to its settings. */
export interface DataApi {
  readonly api: ManagementApi;
  readonly ref: string;
}

/** @throws ConfigurationError `api-token-missing`, `project-ref-missing`: before anything is done */
export function openDataApi({ env, projectRef }: Config, signal: AbortSignal): DataApi {
  const { api } = readRestoreTestEnvironment(env);
  const next = "Set both, or leave --api-off out: the incident can begin without it.";
  if (api === undefined)
    throw new ConfigurationError(
      "api-token-missing",
      "The Data API cannot be switched without SUPABASE_ACCESS_TOKEN. Nothing has been done.",
      `Set a token that may write the project's Data API settings, and SUPABASE_PROJECT_REF. ${next}`,
    );
  if (projectRef === null)
    throw new ConfigurationError(
      "project-ref-missing",
      "The Data API cannot be switched without SUPABASE_PROJECT_REF. Nothing has been done.",
      next,
    );
  const patience = { attempts: 4, totalSeconds: 15, baseMillis: 500, capMillis: 5000 };
  return { api: openManagementApi({ ...api, signal, patience, requestSeconds: 15 }), ref: projectRef };
}

interface Records {
  readonly vaults: readonly Vault[];
  readonly verify: VerifySignature;
}

/** `off`: by this run. `off-already`: nothing is noted by this run; who noted it before is `notedBy`. */
export type SwitchedOff =
  | { readonly state: "off" }
  | { readonly state: "off-already"; readonly notedBy: string | null };

/**
 * Switches the Data API off. How it was set is noted first, once: what is off already is not what has to be put back.
 * @param on ids of the incidents that are on
 * @throws LifeboatError when it could not be noted (then it is not switched off), or not be switched off
 */
export async function switchOff(
  { api, ref }: DataApi,
  incident: { readonly id: string; readonly at: Date; readonly on: readonly string[] },
  { vaults, verify, sign }: Records & { readonly sign: SignBytes },
): Promise<SwitchedOff> {
  const dbSchema = await readDataApi(api, ref);
  if (dbSchema === "") {
    // Who switched it off has noted it before that.
    const { records } = await recordsOf(incident.on, { vaults, verify });
    return { state: "off-already", notedBy: records.find(({ projectRef }) => projectRef === ref)?.incident ?? null };
  }
  const record = { incident: incident.id, projectRef: ref, dbSchema, at: incident.at.toISOString() };
  for (const vault of vaults) await writeApiRecord(vault, record, sign);
  await writeDataApi(api, ref, "");
  return { state: "off" };
}

/**
 * `not-noted`: no incident has switched it off. `put-back`: as it was noted, read back. `as-noted`: it was so already.
 * `changed`: somebody has set it otherwise meanwhile, and it stays so.
 */
export interface PutBack {
  readonly state: "not-noted" | "put-back" | "as-noted" | "changed" | "left-off";
  /** Incidents with a record that no trusted key has signed: it is not used. */
  readonly distrusted: readonly string[];
}

/**
 * Puts the Data API back as the oldest of these incidents has noted it.
 * @param open opens the way to the project, only where it is needed
 * @throws ConfigurationError what `open` throws, `api-other-project`; OperationError when it could not be put back
 */
export async function putBack(on: readonly string[], records: Records, open: () => DataApi): Promise<PutBack> {
  const found = await recordsOf(on, records);
  const { distrusted } = found;
  const [record] = found.records;
  if (record === undefined) return { state: "not-noted", distrusted };
  const { api, ref } = open();
  if (record.projectRef !== ref)
    throw new ConfigurationError(
      "api-other-project",
      `Incident ${record.incident} has switched off the Data API of project ${record.projectRef}, and SUPABASE_PROJECT_REF is another.`,
      "Set SUPABASE_PROJECT_REF to that project, or end the incident with --api-off, which leaves it off.",
    );
  const now = await readDataApi(api, ref);
  if (now === record.dbSchema) return { state: "as-noted", distrusted };
  if (now !== "") return { state: "changed", distrusted };
  await writeDataApi(api, ref, record.dbSchema).catch((error: unknown) => {
    if (!(error instanceof LifeboatError)) throw error;
    throw new OperationError(
      "data-api-off",
      `The Data API could not be put back: ${error.message} The incident is still on.`,
      error.next,
    );
  });
  return { state: "put-back", distrusted };
}

/** Of these incidents, oldest first; of several buckets the first that has one. */
async function recordsOf(ids: readonly string[], { vaults, verify }: Records) {
  const records: ApiRecord[] = [];
  const distrusted: string[] = [];
  for (const id of ids) {
    const found = await Promise.all(vaults.map((vault) => readApiRecord(vault, id, verify)));
    const record = found.find((one) => one !== null && one !== "distrusted");
    if (record) records.push(record);
    else if (found.includes("distrusted")) distrusted.push(id);
  }
  return { records, distrusted };
}
