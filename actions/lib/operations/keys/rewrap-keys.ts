import { readKeyring } from "../../seal/keys/keyring.ts";
import { pinnedKeys } from "../../seal/keys/pins.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { rewrapSets } from "./rewrap.ts";
import { rewrapPage } from "./rewrap-page.ts";

/** Seals the session keys of existing sets to whom the policy pins now. */
export async function rewrap(
  context: Context,
  { set, dryRun }: { readonly set: string | undefined; readonly dryRun: boolean },
): Promise<Told> {
  const { publicKeys, policy } = context.config();
  const { recipients, signers: trusted } = pinnedKeys(await readKeyring(publicKeys.armored), policy.keys);
  const rows = await rewrapSets({
    ...{ vault: await context.vault(), sets: set === undefined ? undefined : [set], recipients, trusted, dryRun },
    ...{ privateKey: await context.openingKey(), signingKey: await context.signingKey() },
    ...{ log: context.log, signal: context.signal },
  });
  const exitCode = rows.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  return { result: { sets: rows }, page: rewrapPage(rows), exitCode };
}
