import type { Config } from "../../config/load.ts";
import { Secret } from "../../config/problems.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { releaseVerifier } from "../../vault/configured.ts";
import { type EscrowList, openValue, readEscrow } from "../../vault/escrow.ts";
import { timeOfSet } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { Context } from "../context.ts";

/** What is kept under one name, as far as it may be told. */
export interface EscrowRow {
  readonly name: string;
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly putAt: string;
  /** Whose keys open it, by the policy's pins; `former` for a key that is not pinned any more. */
  readonly opens: readonly string[];
  /** How many older ones there are of this name. */
  readonly older: number;
  readonly thumbprint: string | null;
  /** SHA-256 of a function's secret, where the key that is set opens it; null: unknown. */
  readonly digest: string | null;
}

export interface Listed extends Pick<EscrowList, "refused" | "alarms"> {
  readonly rows: readonly EscrowRow[];
}

/** @throws as `readEscrow` */
export async function runList(context: Context): Promise<Listed> {
  const config = context.config();
  const list = await readEscrow(await context.vault(), await releaseVerifier(config));
  const key = context.has("opening") ? await context.openingKey() : undefined;
  const rows = await Promise.all(
    [...list.newest].map(async ([name, { entry }]): Promise<EscrowRow> => {
      const digest = key && entry.digest ? await openValue(entry.digest, key) : undefined;
      return {
        ...{ name, id: entry.id, putAt: new Date(timeOfSet(entry.id)).toISOString(), thumbprint: entry.thumbprint },
        opens: entry.sealedTo.map((fingerprint) => roleOf(config, fingerprint)),
        older: (list.counts.get(name) ?? 1) - 1,
        digest: digest?.toString("utf8") ?? null,
      };
    }),
  );
  return { rows, refused: list.refused, alarms: list.alarms };
}

function roleOf({ policy }: Config, fingerprint: string): string {
  const role = Object.entries(policy.keys.recipients).find(([, pin]) => pin === fingerprint)?.[0];
  return role ?? "former";
}

/** What a recovery has of it. */
export interface EscrowValues {
  /** The newest value of each name that the key opens. Kept from logs and pages: `Secret`. */
  readonly values: ReadonlyMap<string, Secret>;
  /** Names that are there and sealed to others. */
  readonly closed: readonly string[];
  readonly alarms: readonly string[];
}

/**
 * Opens what is in escrow, for a recovery alone: no command prints a value.
 * @param config whose policy and public keys say whose word counts
 * @param key the operations key opens what the policy has sealed to it, the escrow key everything
 * @throws as `readEscrow`; OperationError `keys-damaged` and the like for a signed entry that does not open
 */
export async function openEscrow(vault: Vault, config: Config, key: UnlockedKey): Promise<EscrowValues> {
  const { newest, alarms } = await readEscrow(vault, await releaseVerifier(config));
  const opened = await Promise.all(
    [...newest].map(async ([name, { entry }]) => [name, await openValue(entry.value, key)] as const),
  );
  return {
    values: new Map(
      opened.flatMap(([name, value]) => (value === undefined ? [] : [[name, new Secret(value.toString("utf8"))]])),
    ),
    closed: opened.flatMap(([name, value]) => (value === undefined ? [name] : [])),
    alarms,
  };
}
