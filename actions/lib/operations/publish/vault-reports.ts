import { randomUUID } from "node:crypto";
import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Standing } from "../../report/branch/standing.ts";
import { hintOf } from "../../report/run/merge-reports.ts";
import { type RunReport, runReportSchema } from "../../report/run/run-report.ts";
import { readNote, type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import { noteVerifier, standingOf } from "../../vault/configured.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { PutOptions } from "../../vault/s3/objects.ts";
import type { Context } from "../context.ts";

const maxReportBytes = 256 * 1024;
/** Reports that are read at once at most, the newest: a bucket full of others must not keep ours from being told. */
const mostReports = 5_000;
const day = 86_400_000;
/** A replica that does not answer holds up no report. */
const ofReplica = { attempts: 3, totalSeconds: 20, stallSeconds: 10 } as const;

/**
 * `reports/2026/11/24/20261124T170000Z-<run>-<attempt>-<job>-<operation>-<8 hex>.json`
 * @param mark tells the jobs of a matrix apart, which have one name and may begin in the same moment
 */
export function reportKey({ run, startedAt, operations }: RunReport, mark = randomUUID().slice(0, 8)): string {
  const stamp = startedAt.replaceAll(/[-:]|\.\d+/g, "");
  const told = operations[0];
  const job = (told?.job ?? "job").replaceAll(/[^\w.-]/g, "-");
  const name = `${stamp}-${run.runId}-${run.attempt}-${job}-${told?.operation ?? "none"}-${mark}.json`;
  return `${dayPrefix(new Date(startedAt))}${name}`;
}

/** What `reportKey` makes, and nothing else, is worth a request. */
const reportName = /^reports\/\d{4}\/\d\d\/\d\d\/\d{8}T\d{6}Z-[\w.-]{1,300}-[0-9a-f]{8}\.json$/;

const markOf = (key: string): string => key.slice(-".json".length - 8, -".json".length);

function dayPrefix(date: Date): string {
  return `reports/${date.toISOString().slice(0, 10).replaceAll("-", "/")}/`;
}

/**
 * Puts the report of one job into the vault, for the job that publishes it; replaces nothing.
 * @param sign undefined where the job has no key: its report is then no more than a hint
 * @returns its key
 */
export async function writeVaultReport(
  vault: Pick<Vault, "put">,
  report: RunReport,
  sign: SignBytes | undefined,
  options: Pick<PutOptions, "retry" | "signal"> = {},
): Promise<string> {
  const key = reportKey(report);
  const body = await writeNote(runReportSchema.parse(report), sign);
  await vault.put(key, body, { ifNoneMatch: true, contentType: "application/json", ...options });
  return key;
}

export interface VaultReports {
  readonly reports: readonly RunReport[];
  /** Keys of objects that are no reports of this format, and of unsigned ones that say nothing bad. */
  readonly refused: readonly string[];
}

/**
 * The reports that jobs have left: all, or those of the days since a time. By the day on which they began, oldest first.
 * @param verify whose signature counts: without one a report is a hint (`hintOf`)
 */
export async function readVaultReports(
  vault: Pick<Vault, "list" | "get">,
  verify: VerifySignature,
  days?: { readonly since: Date; readonly now: Date },
): Promise<VaultReports> {
  const [keys, foreign]: [string[], string[]] = [[], []];
  for (const prefix of days === undefined ? ["reports/"] : dayPrefixes(days.since, days.now)) {
    for await (const { key } of vault.list(prefix)) (reportName.test(key) ? keys : foreign).push(key);
  }
  const read = await mapBounded(
    keys.slice(-mostReports),
    16,
    async (key) => (await readOne(vault, key, verify)) ?? key,
  );
  return {
    reports: read.filter((one) => typeof one !== "string"),
    refused: [...foreign, ...read.filter((one) => typeof one === "string")],
  };
}

async function readOne(
  vault: Pick<Vault, "get">,
  key: string,
  verify: VerifySignature,
): Promise<RunReport | undefined> {
  const body = await vault.get(key, { maxBytes: maxReportBytes }).catch((error: unknown) => {
    if (error instanceof LifeboatError && error.code === "s3-too-large") return undefined;
    throw error;
  });
  const note = body && (await readNote(body.body, verify));
  const report = note && runReportSchema.safeParse(note.document).data;
  // One of ours that was copied to another day or run is no report of that day or run.
  if (report !== undefined && reportKey(report, markOf(key)) !== key) return undefined;
  return report === undefined || note?.trusted === true ? report : hintOf(report);
}

function dayPrefixes(since: Date, now: Date): string[] {
  const first = Math.floor(since.getTime() / day);
  // A runner's clock may be ahead of ours.
  const last = Math.floor(now.getTime() / day) + 1;
  return Array.from({ length: last - first + 1 }, (_, index) => dayPrefix(new Date((first + index) * day)));
}

/** What the vaults that a run has open can tell. */
export async function openSource(context: Context): Promise<{
  reports(since?: Date): Promise<VaultReports>;
  standing(): Promise<Standing>;
}> {
  const config = context.config("vault");
  const vault = await context.vault();
  const storage = context.has("storageVault") ? await context.files() : undefined;
  return {
    reports: async (since) => readVaultReports(vault, await noteVerifier(config), since && { since, now: new Date() }),
    standing: async () => ({
      ...(await standingOf(config, { vault, storage }, ofReplica)),
      source: "vault",
    }),
  };
}
