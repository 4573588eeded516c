import { randomUUID } from "node:crypto";
import { mapBounded } from "../vault/bounded.ts";
import type { Vault } from "../vault/client.ts";
import type { PutOptions } from "../vault/put-object.ts";
import { type RunReport, runReportSchema } from "./run-report.ts";

const maxReportBytes = 256 * 1024;
const day = 86_400_000;

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

function dayPrefix(date: Date): string {
  return `reports/${date.toISOString().slice(0, 10).replaceAll("-", "/")}/`;
}

/** Puts the report of one job into the vault, for the job that publishes it; replaces nothing. @returns its key */
export async function writeVaultReport(
  vault: Pick<Vault, "put">,
  report: RunReport,
  options: Pick<PutOptions, "retry" | "signal"> = {},
): Promise<string> {
  const key = reportKey(report);
  const body = Buffer.from(`${JSON.stringify(runReportSchema.parse(report), null, 2)}\n`);
  await vault.put(key, body, { ifNoneMatch: true, contentType: "application/json", ...options });
  return key;
}

export interface VaultReports {
  readonly reports: readonly RunReport[];
  /** Keys of objects that are no reports of this format. */
  readonly refused: readonly string[];
}

/** The reports that jobs have left: all, or those of the days since a time. By the day on which they began, oldest first. */
export async function readVaultReports(
  vault: Pick<Vault, "list" | "get">,
  days?: { readonly since: Date; readonly now: Date },
): Promise<VaultReports> {
  const keys: string[] = [];
  for (const prefix of days === undefined ? ["reports/"] : dayPrefixes(days.since, days.now)) {
    for await (const { key } of vault.list(prefix)) if (key.endsWith(".json")) keys.push(key);
  }
  const read = await mapBounded(keys, 16, async (key) => {
    const { body } = await vault.get(key, { maxBytes: maxReportBytes });
    return parseReport(body) ?? key;
  });
  return {
    reports: read.filter((one) => typeof one !== "string"),
    refused: read.filter((one) => typeof one === "string"),
  };
}

function dayPrefixes(since: Date, now: Date): string[] {
  const first = Math.floor(since.getTime() / day);
  // A runner's clock may be ahead of ours.
  const last = Math.floor(now.getTime() / day) + 1;
  return Array.from({ length: last - first + 1 }, (_, index) => dayPrefix(new Date((first + index) * day)));
}

/** @returns undefined for bytes that are no report of a format we know */
export function parseReport(bytes: Uint8Array): RunReport | undefined {
  try {
    return runReportSchema.safeParse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))).data;
  } catch {
    return undefined;
  }
}
