import { LifeboatError } from "../../base/errors.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { type ArchiveWish, judgeLifecycle, readLifecycle } from "../../vault/bucket/lifecycle.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type CheckRow, failed, ok, warn } from "./check-row.ts";

/** Whether the bucket moves archives, and only them, to the class that the policy names. A backup can run all the same. */
export async function checkLifecycle(policy: Pick<Policy, "archive" | "tiers">, vault: Vault): Promise<CheckRow> {
  const check = "archive lifecycle";
  const wish: ArchiveWish = { ...policy.archive, retentionDays: policy.tiers.monthly.retentionDays };
  try {
    const rules = await readLifecycle(vault);
    if (rules.state !== "known") {
      return warn(check, `not known: ${rules.why}`, "Grant s3:GetLifecycleConfiguration.");
    }
    const { problems, wanted } = judgeLifecycle(rules.value, wish);
    if (problems.length === 0) return ok(check, `archives go to ${wish.storageClass} after ${wish.afterDays} days`);
    const put = `aws s3api put-bucket-lifecycle-configuration --bucket ${vault.bucket} --lifecycle-configuration`;
    return warn(check, problems.join("; "), `Put these rules (they replace all): ${put} '${JSON.stringify(wanted)}'`);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return failed(check, error);
  }
}
