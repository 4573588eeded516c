import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { connect } from "../../postgres/connect/connect.ts";
import { readStatus, statusLine } from "../sentinels/run-sentinels.ts";
import { type CheckRow, ok, warn } from "./check-row.ts";

/** Only where the policy promises that the database goes back to any moment. */
export async function checkSentinels(
  config: Config<"source">,
  log: Log,
  signal: AbortSignal,
): Promise<readonly CheckRow[]> {
  if (config.policy.promises.supabase.pitrDays === null) return [];
  const client = await connect(config.source, { applicationName: "lifeboat/check", log, signal });
  try {
    const found = await readStatus(client);
    if (found.state === "running") return [ok("sentinels", statusLine(found))];
    const next = "lifeboat sentinels install --production <ref>: without them a recovery to a moment stays unproven.";
    return [warn("sentinels", found.state === "absent" ? "there are none" : statusLine(found), next)];
  } finally {
    await client.end().catch(() => undefined);
  }
}
