import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { lookAtEgress } from "../../actions/lib/operations/monitor/supabase/egress.ts";
import { readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { encodeManifest, publishSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { openBackupLab } from "./backup-lab.ts";

test("what the month's sets have read is summed, by signed sets alone; without a vault it says what to set", async () => {
  await using lab = await openBackupLab(sharedS3());
  const env = lab.env("postgresql://lifeboat@127.0.0.1:1/x");
  const signing = await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]);
  const publish = async (at: string, gigabytes: number, key = signing): Promise<void> => {
    const set = `${at.replaceAll(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;
    const stored = await storeUnpublished(lab.vault, "daily", set);
    const counts = { ...stored.counts, plainBytes: String(gigabytes * 1e9) };
    const manifest = { ...stored, counts, startedAt: at, snapshotAt: at, finishedAt: at };
    const bytes = encodeManifest(manifest);
    const lease = { assertHeld: async () => {} };
    await publishSet(lab.vault, manifest, bytes, await signDetached(bytes, key), { lease });
  };
  await publish("2026-10-31T23:00:00Z", 100);
  await publish("2026-11-02T04:00:00Z", 40);
  await publish("2026-11-09T04:00:00Z", 50);
  await publish("2026-11-10T04:00:00Z", 900, lab.operations);

  const look = async (needs: readonly ["vault"] | readonly []) => {
    const run = { workflow: "monitor", runId: "1", attempt: 1, url: null, event: "schedule" };
    const signal = new AbortController().signal;
    using context = new Context({ config: await loadConfig({ needs, env }), log: silentLog, signal, run });
    return await lookAtEgress({ context, now: new Date("2026-11-16T00:00:00Z"), history: () => [] });
  };
  expect(await look(["vault"])).toMatchObject({ state: "ok", measure: { value: 90e9, limit: 250e9, unit: "bytes" } });
  await expect(look([])).rejects.toMatchObject({ code: "configuration", message: /S3_BACKUP_BUCKET/ });
});
