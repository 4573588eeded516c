import { ConfigurationError } from "../../../base/errors.ts";
import type { RunReport } from "../../../report/run/run-report.ts";
import { manifestVerifier, noteVerifier, standingOf } from "../../../vault/configured.ts";
import type { Manifest, Tier } from "../../../vault/format/manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { firstOf, trustedSets, type VaultStanding } from "../../../vault/standing.ts";
import { readVaultReports } from "../../publish/vault-reports.ts";
import { type Look, once } from "../check.ts";

/** The newest set of a tier that counts. */
export interface NewestSet {
  readonly manifest: Manifest | undefined;
  /** So much junk lies over it that the search was given up. */
  readonly gaveUp: boolean;
}

/** What several checks ask of the vault, each asked once a run, when the first of them looks. */
export interface VaultReader {
  vault(): Promise<Vault>;
  /** Undefined where none is set. */
  files(): Promise<Vault | undefined>;
  standing(): Promise<VaultStanding>;
  newest(tier: Tier): Promise<NewestSet>;
  reports(): Promise<readonly RunReport[]>;
}

/** A replica that does not answer holds up no other check. */
const ofReplica = { attempts: 3, totalSeconds: 15, stallSeconds: 5 } as const;
/** Days of reports that are read: a work that runs once a week is in there twice. */
export const reportDays = 14;

const readers = new WeakMap<Look, VaultReader>();

/**
 * The one of this look, whoever asks for it.
 * @throws (each) ConfigurationError `configuration` where the vault is not set, and LifeboatError when it cannot be asked
 */
export function vaultReader(look: Look): VaultReader {
  const reader = readers.get(look) ?? openReader(look);
  readers.set(look, reader);
  return reader;
}

function openReader({ context, now }: Look): VaultReader {
  const config = () => {
    if (context.has("vault")) return context.config("vault");
    throw new ConfigurationError(
      "configuration",
      "S3_BACKUP_BUCKET is not set: the vault was not asked.",
      "Set S3_BACKUP_BUCKET and AWS_REGION, with credentials or a role that may read the bucket: in .env, and in the environment `monitor` on GitHub.",
    );
  };
  const vault = async () => {
    config();
    return await context.vault();
  };
  const files = async () => (context.has("storageVault") ? await context.files() : undefined);
  const newest = new Map<Tier, Promise<NewestSet>>();
  const readNewest = async (tier: Tier): Promise<NewestSet> => {
    let gaveUp = false;
    const verify = await manifestVerifier(config());
    const manifest = await firstOf(
      trustedSets(await vault(), verify, {
        tier,
        gaveUp() {
          gaveUp = true;
        },
      }),
    );
    return { manifest, gaveUp };
  };
  return {
    ...{ vault, files },
    standing: once(async () => standingOf(config(), { vault: await vault(), storage: await files() }, ofReplica)),
    newest(tier) {
      const asked = newest.get(tier) ?? readNewest(tier);
      newest.set(tier, asked);
      return asked;
    },
    reports: once(async () => {
      const since = new Date(now.getTime() - reportDays * 86_400_000);
      return (await readVaultReports(await vault(), await noteVerifier(config()), { since, now })).reports;
    }),
  };
}
