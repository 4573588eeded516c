import { expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { lookAtEgress } from "../../actions/lib/operations/monitor/supabase/egress.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { openBackupLab } from "./backup-lab.ts";
import { publishSigned } from "./signed-set.ts";

test("what the month's sets have read is summed, by signed sets alone; without a vault it says what to set", async () => {
  await using lab = await openBackupLab(sharedS3());
  const env = lab.env("postgresql://lifeboat@127.0.0.1:1/x");
  const publish = async (at: string, gigabytes: number, key = {}): Promise<void> => {
    await publishSigned(lab, { at: new Date(at), counts: { plainBytes: String(gigabytes * 1e9) }, ...key });
  };
  await publish("2026-10-31T23:00:00Z", 100);
  await publish("2026-11-02T04:00:00Z", 40);
  await publish("2026-11-09T04:00:00Z", 50);
  await publish("2026-11-10T04:00:00Z", 900, { key: lab.operations });

  const look = async (needs: readonly ["vault"] | readonly []) => {
    const run = { workflow: "monitor", runId: "1", attempt: 1, url: null, event: "schedule" };
    const signal = new AbortController().signal;
    using context = new Context({ config: await loadConfig({ needs, env }), log: silentLog, signal, run });
    return await lookAtEgress({ context, now: new Date("2026-11-16T00:00:00Z"), history: () => [] });
  };
  expect(await look(["vault"])).toMatchObject({ state: "ok", measure: { value: 90e9, limit: 250e9, unit: "bytes" } });
  await expect(look([])).rejects.toMatchObject({ code: "configuration", message: /S3_BACKUP_BUCKET/ });
});
