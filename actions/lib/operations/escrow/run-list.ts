import { LifeboatError } from "../../base/errors.ts";
import { countOf, few } from "../../base/measures.ts";
import { noteTouched } from "../../base/touched.ts";
import type { Config } from "../../config/load.ts";
import { Secret } from "../../config/problems.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { releaseVerifier } from "../../vault/configured.ts";
import { type EscrowList, openValue, readEscrow } from "../../vault/escrow.ts";
import { timeOfSet } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { openSet } from "../../vault/sets/open-set.ts";
import { readConfiguration } from "../configuration/read.ts";
import type { Context } from "../context.ts";
import { type EscrowGap, type EscrowRow, escrowGaps } from "./gaps.ts";

export interface Listed extends Pick<EscrowList, "refused" | "alarms"> {
  readonly rows: readonly EscrowRow[];
  readonly compared: Compared;
}

/** What is missing against a set's configuration, or why nobody can say, as a sentence without its full stop. */
export type Compared = { readonly set: string; readonly gaps: readonly EscrowGap[] } | { readonly unknown: string };

/** @throws as `readEscrow` */
export async function runList(context: Context): Promise<Listed> {
  const config = context.config();
  const vault = await context.vault();
  const list = await readEscrow(vault, await releaseVerifier(config));
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
  return { rows, refused: list.refused, alarms: list.alarms, compared: await compare(context, vault, rows, key) };
}

async function compare(
  context: Context,
  vault: Vault,
  rows: readonly EscrowRow[],
  privateKey: UnlockedKey | undefined,
): Promise<Compared> {
  if (privateKey === undefined) return { unknown: "without RESTORE_PRIVATE_KEY no set can be opened to compare with" };
  try {
    const passedOver = (line: string): void => context.log.warn(line);
    const open = await openSet(vault, "latest", { trustedSigners: await context.signers(), privateKey, passedOver });
    const configuration = await readConfiguration(open);
    if (configuration !== undefined) return { set: open.set, gaps: escrowGaps(configuration, rows) };
    return { unknown: `set ${open.set} holds no configuration: its backup had no SUPABASE_ACCESS_TOKEN` };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return { unknown: error.message.replace(/\.$/, "") };
  }
}

/** What lies there and counts for nobody, as a sentence; none: nothing does. */
export function refusedNote(refused: EscrowList["refused"]): string[] {
  const [first] = refused;
  if (first === undefined) return [];
  const keys = few(
    refused.map(({ key }) => key),
    3,
  );
  return [`${countOf(refused.length, "entry", "entries")} cannot be trusted (${keys}): ${first.problem}.`];
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
  /** What somebody else did there, also what he took the signature from: a value may be missing for it. */
  readonly alarms: readonly string[];
}

/**
 * Opens what is in escrow, for a recovery alone: no command prints a value.
 * @param config whose policy and public keys say whose word counts
 * @param key the operations key opens what the policy has sealed to it, the escrow key everything
 * @throws as `readEscrow`; OperationError `keys-damaged` and the like for a signed entry that does not open
 */
export async function openEscrow(vault: Vault, config: Config, key: UnlockedKey): Promise<EscrowValues> {
  const { newest, alarms, refused } = await readEscrow(vault, await releaseVerifier(config));
  const opened = await Promise.all(
    [...newest].map(async ([name, { entry }]) => [name, await openValue(entry.value, key)] as const),
  );
  for (const [name, value] of opened)
    if (value !== undefined)
      noteTouched("opened", `escrow/${name}`, Buffer.from(newest.get(name)?.entry.value.body ?? ""));
  return {
    values: new Map(
      opened.flatMap(([name, value]) => (value === undefined ? [] : [[name, new Secret(value.toString("utf8"))]])),
    ),
    closed: opened.flatMap(([name, value]) => (value === undefined ? [name] : [])),
    alarms: [...alarms, ...refusedNote(refused)],
  };
}
