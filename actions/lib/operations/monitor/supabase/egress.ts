import { egressAllowance } from "../../../policy/egress.ts";
import type { Finding } from "../../../policy/monitor/check.ts";
import { judgeEgress } from "../../../policy/monitor/limits.ts";
import { periodAround } from "../../../policy/period.ts";
import { manifestVerifier } from "../../../vault/configured.ts";
import { trustedSets, trustedSnapshots } from "../../../vault/standing.ts";
import { vaultReader } from "../backups/read-vault.ts";
import type { Look } from "../check.ts";

/** More than a month of sets, and of snapshots of the files, whatever makes them. */
const most = 400;

/**
 * What backups have read from Supabase this month, by what the sets and the files' snapshots in the vault say of themselves.
 * @throws ConfigurationError `configuration` where no vault is set; what its store throws
 */
export async function lookAtEgress(look: Look): Promise<Finding> {
  const { context, now } = look;
  const reader = vaultReader(look);
  const [vault, files] = [await reader.vault(), await reader.files()];
  const verify = await manifestVerifier(context.config());
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
  await sum(trustedSets(vault, verify, { marked: "count" }), ({ counts }) => counts.plainBytes);
  if (files !== undefined)
    await sum(trustedSnapshots(files, verify, { marked: "count" }), ({ counts }) => counts.egressBytes);
  return judgeEgress({ bytes, allowance: egressAllowance(context.config().policy), ...month }, now);
}
