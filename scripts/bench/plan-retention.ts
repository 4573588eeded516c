import { collectInOneGo } from "../../actions/lib/base/collector.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { countOf } from "../../actions/lib/base/measures.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { applyRetention } from "../../actions/lib/operations/retention/apply-retention.ts";
import { manifestVerifier, provenBy, releaseVerifier } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";

/**
 * Retention's rehearsal as if so many days had gone by: the store's own times are those of the bench, so that by the real clock no term has
 * ended. Run by `bench:catalogue` as a program of its own, which is measured. Prints what would go.
 */
// As the command does it.
collectInOneGo();
const days = Number(process.argv[2]);
const config = await loadConfig({ needs: ["vault"], env: process.env });
using vault = openVault(config.vault);
const now = new Date(Date.now() + days * 86_400_000);
const { database } = await applyRetention({
  ...{
    database: vault,
    files: null,
    policy: { ...config.policy, retention: { ...config.policy.retention, staleDays: 9999 } },
  },
  ...{ verify: await manifestVerifier(config), verifyProof: await provenBy(config), dryRun: true, log: silentLog },
  ...{ verifyRelease: await releaseVerifier(config), now, storeTime: async () => now },
});
const decisions = database?.plan.plan.decisions ?? [];
const going = decisions.filter(({ keep }) => !keep).length;
console.log(`${countOf(decisions.length, "set")}, of which ${going} would go.`);
