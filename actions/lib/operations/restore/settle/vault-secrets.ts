import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { z } from "zod";
import { LifeboatError } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import {
  createsOfExtensionSql,
  hasVaultSql,
  isVaultSecrets,
  loadSecrets,
  makeSecrets,
  secretsMade,
  vaultSecretsArtifact,
} from "../../../postgres/inventory/vault-secrets.ts";
import type { OpenSet } from "../../../vault/sets/open-set.ts";
import { reasonOf } from "../../target/sessions.ts";

/** What became of Vault's secrets, for the proof and for people. Never a name or a value. */
export interface SecretsOutcome {
  readonly why: string;
  /** False: they should be here and are not. */
  readonly expected: boolean;
  readonly byHand?: string;
}

const countsSchema = z.object({ all: z.string(), closed: z.string(), lacking: z.string(), others: z.string() });

/**
 * Makes Vault's secrets anew in the target: ciphertext opens in no other project, so their values are brought. All of them or
 * none; those that an earlier attempt has made stay where they open, and are made again where they don't. What somebody else
 * has put there stays, and is told.
 *
 * @param on.supabase elsewhere only the extension's own functions are called: others may have come with the set
 * @param on.test a restore test: nothing that opens other people's doors is put into staging
 * @returns undefined where the set has none
 */
export async function restoreSecrets(
  client: Client,
  open: OpenSet,
  { tables }: Inventory,
  on: { readonly supabase: boolean; readonly test: boolean },
): Promise<SecretsOutcome | undefined> {
  const { supabase, test } = on;
  const artifact = open.manifest.artifacts.find(({ name }) => name === vaultSecretsArtifact);
  const rows = tables.find(isVaultSecrets)?.fingerprint?.rows ?? "0";
  if (artifact === undefined || rows === "0") return undefined;
  if (test) return { why: "a restore test does not open Vault's secrets: not restored, not proven", expected: true };
  if (!(await hasVault(client, supabase))) return left("the target has no Vault", rows);
  try {
    await client.query("begin");
    await client.query(loadSecrets.table);
    await pipeline(open.artifact(artifact.name), client.query(copyFrom(loadSecrets.copy)));
    await client.query(makeSecrets);
    await client.query(secretsMade.look);
    const found = countsSchema.parse((await client.query(secretsMade.counts)).rows[0]);
    await client.query("commit");
    return made(found);
  } catch (error) {
    await client.query("rollback");
    if (!(error instanceof LifeboatError)) return { ...left(reasonOf(error), rows), expected: false };
    if (error.code === "wrong-private-key")
      return left("only the operations and escrow keys open Vault's secrets", rows);
    return { ...left(error.message, rows), expected: false };
  }
}

async function hasVault(client: Client, supabase: boolean): Promise<boolean> {
  const answer = await client.query(`select ${hasVaultSql} and ($1 or ${createsOfExtensionSql}) as there`, [supabase]);
  return answer.rows[0]?.there === true;
}

function left(reason: string, rows: string): SecretsOutcome {
  return {
    why: `${reason}: not restored, not proven`,
    expected: true,
    byHand: `${rows} Vault secrets are not here (${reason}). With the operations or escrow key, the step "Vault's secrets" of the set's RECOVER.md makes them.`,
  };
}

function made({ all, closed, lacking, others }: z.infer<typeof countsSchema>): SecretsOutcome {
  const wrong = [
    ...(lacking === "0" ? [] : [`${lacking} of ${all} have another value or description here, which was left`]),
    ...(others === "0" ? [] : [`${countOf(Number(others), "secret")} more than in the set`]),
  ];
  if (wrong.length > 0) return { why: wrong.join("; "), expected: false };
  const opened = Number(all) - Number(closed);
  return {
    why: `${countOf(opened, "Vault secret")} made anew with the target's own key and compared with the set`,
    expected: true,
    byHand: [
      ...(opened === 0
        ? []
        : [
            "Vault secrets have new ids here: what names one by its id (options of foreign servers) needs the new one.",
          ]),
      ...(closed === "0"
        ? []
        : [
            `Create ${countOf(Number(closed), "Vault secret")} anew (vault.create_secret): the backup role could not open ${closed === "1" ? "it" : "them"}, so the set has no more than the ciphertext.`,
          ]),
    ].join(" "),
  };
}
