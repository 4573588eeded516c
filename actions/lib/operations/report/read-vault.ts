import type { Standing } from "../../report/branch/standing.ts";
import { noteVerifier, standingVerifiers } from "../../vault/configured.ts";
import { readStanding } from "../../vault/standing.ts";
import type { Context } from "../context.ts";
import { readVaultReports, type VaultReports } from "../publish/vault-reports.ts";

/** What jobs have left in the vault, and what it has now. */
export async function readVault(context: Context): Promise<VaultReports & { readonly standing: Standing }> {
  const config = context.config("vault");
  const vault = await context.vault();
  const storage = context.has("storageVault") ? await context.files() : undefined;
  const [told, standing] = await Promise.all([
    readVaultReports(vault, await noteVerifier(config)),
    readStanding({ vault, storage, ...(await standingVerifiers(config)) }),
  ]);
  return { ...told, standing: { ...standing, source: "vault" } };
}
