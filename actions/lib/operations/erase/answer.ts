import { formatDay } from "../../base/measures.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { hasReplica } from "../../config/vault-location.ts";
import { releaseVerifier } from "../../vault/configured.ts";
import type { ErasedEntry } from "../../vault/erasures/entries.ts";
import { timeOfSet } from "../../vault/format/manifest.ts";
import { readHolds, whyHeld } from "../../vault/holds/register.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { publishedSets, type SetName } from "../../vault/sets/catalogue.ts";
import type { Context } from "../context.ts";
import { filesTable } from "../erasures/erased-files.ts";

const day = 86_400_000;

export interface AnswerFacts {
  readonly kept: ErasedEntry["kept"];
  /** The database in use was erased. */
  readonly live: boolean;
  /** Of the person's, as the rules of the policy find them: an erasure of the database removes none. */
  readonly files: number;
  /** Sets that are in the vault, made before the erasure or on its day. */
  readonly sets: readonly SetName[];
  readonly tiers: Policy["tiers"];
  /** Days for which the replica keeps what the vault has removed; null: there is none. */
  readonly replicaDays: number | null;
  /** Sets among them that a hold keeps. */
  readonly held: readonly string[];
}

/**
 * What the person is to be told: what is gone, what remains until which day, and why. From the sets that are there and the terms that
 * really hold, never from what should be there. Files are counted, and no day is said of their backups. Pure.
 */
export function answerOf({ kept, live, files, sets, tiers, replicaDays, held }: AnswerFacts): string[] {
  const ends = sets.map(({ tier, set }) => timeOfSet(set) + (tiers[tier].retentionDays + (replicaDays ?? 0)) * day);
  const until = ends.length === 0 ? null : formatDay(Math.max(...ends));
  const stays = kept.filter(({ rows }) => rows > 0);
  return [
    live
      ? "Your data was erased from our database."
      : "Your data is barred from being restored; our application erases it from the database.",
    ...(files > 0
      ? [
          `${files === 1 ? "A file of yours is" : `${files} files of yours are`} removed from our file storage apart from this. Backups of files keep copies, encrypted, until their own term ends; no restore brings them back.`,
        ]
      : []),
    until === null
      ? "There are no backups of the database from before the erasure."
      : `Backups of the database from before the erasure hold it, encrypted, until ${until}, when the term of the last of them ends; longer only while an incident is looked into, or while newer backups fail. They are used for nothing but a restore after a disaster, and every restore takes your data out before anybody works with it.`,
    ...(held.length > 0
      ? ["Some of these backups have to be kept for longer because of a legal dispute. They are removed when it ends."]
      : []),
    ...[...new Set(stays.map(({ because }) => because))].map((because) => `We have to keep a part: ${because}.`),
  ];
}

/** The same of the vault as it is. */
export async function answerTo(context: Context, vault: Vault, entry: ErasedEntry, live: boolean): Promise<string[]> {
  const config = context.config();
  const { tiers, replica } = config.policy;
  const sets: SetName[] = [];
  // One that was begun between the entry and the erasure itself may hold the person.
  const last = Date.parse(entry.at) + day;
  for await (const one of publishedSets(vault)) if (timeOfSet(one.set) <= last) sets.push(one);
  const files = entry.rules.reduce((sum, { table, rows }) => sum + (table === filesTable ? rows : 0), 0);
  const register = await readHolds(vault, await releaseVerifier(config));
  const held = sets.map(({ set }) => set).filter((set) => whyHeld(register, set) !== null);
  const replicaDays = hasReplica(config.env) ? replica.removedAfterDays : null;
  return answerOf({ kept: entry.kept, live, files, sets, tiers, replicaDays, held });
}
