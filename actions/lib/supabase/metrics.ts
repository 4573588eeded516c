import { OperationError } from "../base/errors.ts";
import { type ManagementApi, projectPath } from "./management-api.ts";

/** What a project's own measuring says, where it says it: names may change, the API calls them a beta (supabase.com/docs, Metrics API). */
export interface Metrics {
  /** Of all databases of the server. */
  readonly databaseBytes: number | undefined;
  /** Of all files, as their rows say. */
  readonly storageBytes: number | undefined;
  /** Rows that were ever inserted, updated or deleted; begins again at 0 when the server's statistics do. */
  readonly rowsWritten: number | undefined;
}

const MiB = 1024 ** 2;

/**
 * Scrapes a project's metrics: some 300 kB in Prometheus's text format, through the Management API and with its token, at most ten times a
 * minute. A stored password is not needed for it.
 * @throws OperationError `metrics-unknown` for an answer without any of them; what the client throws
 */
export async function readMetrics(api: ManagementApi, ref: string): Promise<Metrics> {
  const { body } = await api.bytes(projectPath(ref, "/analytics/endpoints/metrics"), "text/plain");
  const metrics = metricsOf(new TextDecoder().decode(body));
  if (Object.values(metrics).some((value) => value !== undefined)) return metrics;
  throw new OperationError(
    "metrics-unknown",
    "Supabase's metrics of the project come in an unknown form.",
    "Look at Reports, Database in the dashboard; use a newer version of Lifeboat.",
  );
}

/** Pure. @param text as it came: it is not trusted */
export function metricsOf(text: string): Metrics {
  const sums = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name = "", value] = /^([a-z_:][\w:]*)(?:\{[^{}]*\})?\s+(\S+)/i.exec(line) ?? [];
    const number = Number(value);
    if (wanted.has(name) && Number.isFinite(number) && number >= 0) sums.set(name, (sums.get(name) ?? 0) + number);
  }
  const written = writes.map((name) => sums.get(name)).filter((value) => value !== undefined);
  const storage = sums.get(storageName);
  return {
    databaseBytes: sums.get(databaseName),
    storageBytes: storage === undefined ? undefined : storage * MiB,
    rowsWritten: written.length === writes.length ? written.reduce((sum, one) => sum + one, 0) : undefined,
  };
}

const databaseName = "pg_database_size_bytes";
const storageName = "storage_storage_size_mb";
const writes = ["inserted", "updated", "deleted"].map((what) => `pg_stat_database_tup_${what}_total`);
const wanted = new Set([databaseName, storageName, ...writes]);
