import { ofProject, type ProjectCall, type Route, refuse } from "../request.ts";

/**
 * A project's metrics in Prometheus's text format, as the API passes them on. Not in its description; seen with bearer tokens in public
 * clients of 2026, its names in the exporter's own answers. Here are the families that Lifeboat reads, and some that it has to pass over.
 */
export const metricRoutes: readonly Route[] = [
  ofProject("GET", "/analytics/endpoints/metrics", "analytics_usage_read", (call) =>
    call.project.database.startedAt === undefined
      ? refuse(500, "Failed to get project metrics")
      : { status: 200, raw: textOf(call), headers: { "content-type": "text/plain; charset=utf-8" } },
  ),
];

function textOf({ project, now }: ProjectCall): string {
  const { usage, database, ref } = project;
  const labels = `supabase_project_ref="${ref}",service_type="postgresql"`;
  const server = `{${labels},server="localhost:5432"}`;
  const last = database.written.at(-1);
  // A row a second, as long as somebody writes.
  const rows = Math.floor(((last?.to ?? now) - project.createdAt) / 1000);
  const families: readonly (readonly [name: string, type: string, lines: readonly string[]])[] = [
    ["node_load1", "gauge", [`node_load1{${labels}} 0.05`]],
    [
      "pg_database_size_bytes",
      "gauge",
      [
        `pg_database_size_bytes{${labels},datname="postgres"} ${usage.databaseBytes.toExponential(9)}`,
        `pg_database_size_bytes{${labels},datname="template0"} 7.520783e+06`,
      ],
    ],
    ["storage_storage_size_mb", "gauge", [`storage_storage_size_mb${server} ${usage.storageBytes / 1024 ** 2}`]],
    ["pg_stat_database_tup_fetched_total", "counter", [`pg_stat_database_tup_fetched_total${server} 9.1e+09`]],
    ...["inserted", "updated", "deleted"].map((what, at) => {
      const name = `pg_stat_database_tup_${what}_total`;
      return [name, "counter", [`${name}${server} ${at === 0 ? rows : 17}`]] as const;
    }),
  ];
  return families
    .flatMap(([name, type, lines]) => [`# HELP ${name} x`, `# TYPE ${name} ${type}`, ...lines, ""])
    .join("\n");
}
