import { LifeboatError } from "../../base/errors.ts";
import type { VaultTruth } from "../../policy/promises.ts";
import { truthOf } from "../../report/branch/standing.ts";
import { askStanding } from "../../vault/configured.ts";
import type { Context } from "../context.ts";

/** Undefined, and said so, where the vault is not set or cannot be reached: the rest can be judged without it. */
export async function askVault(context: Context): Promise<VaultTruth | undefined> {
  if (!context.has("vault")) {
    context.log.info("S3_BACKUP_BUCKET is not set: what the vault has now is not judged.");
    return undefined;
  }
  try {
    return truthOf(await askStanding(context.config("vault")));
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    context.log.warn(`The vault could not be asked, so what it has now is not judged: ${error.message}`);
    return undefined;
  }
}
