import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { RestoreResult } from "../../actions/lib/operations/restore/result.ts";
import { type RestoreRequest, runRestore } from "../../actions/lib/operations/restore/run-restore.ts";
import { withClient } from "../lab/index.ts";
import type { BackupLab } from "./backup-lab.ts";

/** Restores a set of the lab's vault with the operations key, as the command line would. */
export async function restoreInto(
  lab: BackupLab,
  targetUrl: string,
  more: Partial<RestoreRequest> & { readonly env?: Record<string, string> } = {},
): Promise<RestoreResult> {
  const { env = {}, ...request } = more;
  const config = await loadConfig({
    needs: ["vault", "opening", "target"],
    env: {
      ...lab.env("postgres://nobody@127.0.0.1/unused"),
      RESTORE_PRIVATE_KEY: lab.operations.key.armor(),
      TARGET_DATABASE_URL: targetUrl,
      ...env,
    },
  });
  return runRestore({ config, ref: "latest", log: silentLog, ...request });
}

/** Differences of one verdict, a line each, for messages that show what went wrong. */
export function told(result: RestoreResult, verdict: "failed" | "expected" | "unverified"): string[] {
  return result.differences
    .filter((difference) => difference.verdict === verdict)
    .map(({ kind, identity, aspect, detail, why }) => `${kind} ${identity}: ${aspect}: ${detail} [${why}]`);
}

/** Whether anything that a restore would make is in a database. */
export async function isUntouched(superuserUrl: string): Promise<boolean> {
  return withClient(superuserUrl, async (client) => {
    const answer = await client.query(
      `select count(*)::int as found from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'lifeboat_restore', 'supabase_migrations')`,
    );
    return answer.rows[0]?.found === 0;
  });
}
