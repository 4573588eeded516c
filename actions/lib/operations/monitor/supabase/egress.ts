import { ConfigurationError } from "../../../base/errors.ts";
import { egressAllowance } from "../../../policy/egress.ts";
import type { Finding } from "../../../policy/monitor/check.ts";
import { judgeEgress } from "../../../policy/monitor/limits.ts";
import { periodAround } from "../../../policy/period.ts";
import { verifyDetached } from "../../../seal/keys/signature.ts";
import { trustedSets, trustedSnapshots } from "../../../vault/standing.ts";
import type { Look } from "../check.ts";

/** More than a month of sets, and of snapshots of the files, whatever makes them. */
const most = 400;

/**
 * What backups have read from Supabase this month, by what the sets and the files' snapshots in the vault say of themselves.
 * @throws ConfigurationError `configuration` where no vault is set; what its store throws
 */
export async function lookAtEgress({ context, now }: Look): Promise<Finding> {
  if (!context.has("vault"))
    throw new ConfigurationError(
      "configuration",
      "S3_BACKUP_BUCKET is not set: the vault was not asked.",
      "Set S3_BACKUP_BUCKET and AWS_REGION, with credentials or a role that may read the bucket: in .env, and in the environment `monitor` on GitHub.",
    );
  const signers = await context.signers();
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
  const month = periodAround("month", now);
  let bytes = 0;
  const sum = async <One extends { readonly snapshotAt: string }>(
    found: AsyncGenerator<One, void, undefined>,
    read: (one: One) => string,
  ): Promise<void> => {
    let count = 0;
    for await (const one of found) {
      if (Date.parse(one.snapshotAt) < month.from.getTime() || ++count > most) break;
      bytes += Number(read(one));
    }
  };
  await sum(trustedSets(await context.vault(), verify, { marked: "count" }), ({ counts }) => counts.plainBytes);
  if (context.has("storageVault"))
    await sum(trustedSnapshots(await context.files(), verify, { marked: "count" }), ({ counts }) => counts.egressBytes);
  return judgeEgress({ bytes, allowance: egressAllowance(context.config().policy), ...month }, now);
}
