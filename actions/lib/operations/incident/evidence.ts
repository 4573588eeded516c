import type { Client } from "pg";
import { z } from "zod";
import { describeCode, LifeboatError, OperationError } from "../../base/errors.ts";
import { loadConfig } from "../../config/load.ts";
import { connect } from "../../postgres/connect/connect.ts";
import { sealWhole } from "../../seal/body/artifact.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import { pinnedKeys } from "../../seal/keys/pins.ts";
import { readPrivateKey } from "../../seal/keys/private-key.ts";
import {
  keysFileName,
  keysSignatureMetadata,
  newSessionKey,
  signKeysFile,
  wrapSessionKey,
} from "../../seal/keys/session-key.ts";
import { incidentPrefix } from "../../vault/incident/state.ts";
import { putRecord } from "../../vault/incident/write.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { Context } from "../context.ts";
import { evidenceQueries } from "./evidence-queries.ts";

/** One thing that was read, or why it could not be. */
export interface Exhibit {
  readonly name: string;
  readonly rows: number;
  readonly storedBytes: number;
  /** More was there than the bounds allow: the newest rows were kept. */
  readonly cut: boolean;
  /** Null: it is in the vault. */
  readonly problem: string | null;
}

export interface Evidence {
  readonly bucket: string;
  readonly prefix: string;
  readonly exhibits: readonly Exhibit[];
}

/** Of one exhibit and of all: evidence must not keep whoever began an incident waiting, nor fill the vault. */
const bounds = {
  plainBytes: 16 * 1024 * 1024,
  querySeconds: 8,
  allSeconds: 30,
  graceSeconds: 9,
  rowsAtOnce: 500,
} as const;

/**
 * Keeps what the database can tell of who did what, before it is overwritten: cron's run details, auth's audit log, sessions,
 * statements, roles, what was written and deleted. Each goes sealed to the pinned recipients into `incident/<id>/evidence/`; what
 * cannot be read is named. Reads only, a bounded time and a bounded number of bytes.
 * @throws LifeboatError when the database cannot be reached, or there is nobody to seal to
 */
export async function takeEvidence(
  context: Context,
  id: string,
  vault: Vault | undefined,
  at: Date,
): Promise<Evidence> {
  if (vault === undefined) throw new OperationError("evidence-nowhere", "There is no bucket to keep evidence in.");
  const { env, log } = context;
  const until = performance.now() + bounds.allSeconds * 1000;
  const { source, policy, publicKeys } = await loadConfig({ needs: ["source"], env });
  const { recipients } = pinnedKeys(await readKeyring(publicKeys.armored), policy.keys);
  const prefix = `${incidentPrefix(id)}evidence/`;
  const client = await connect(source, {
    ...{ applicationName: "lifeboat/incident", lockWaitSeconds: 2, log, signal: context.signal },
    patience: { attempts: 2, attemptSeconds: 10, baseMillis: 500, capMillis: 500 },
  });
  // A statement's own time is the server's to keep; a connection that died in silence keeps none.
  const hangUp = setTimeout(
    () => void client.end().catch(() => undefined),
    until - performance.now() + bounds.graceSeconds * 1000,
  );
  try {
    const key = newSessionKey();
    const wrapped = await wrapSessionKey(key, recipients);
    const metadata = await signedMetadata(context, id, wrapped);
    await putRecord(vault, `${prefix}${keysFileName}`, wrapped, at, {
      metadata,
      contentType: "application/pgp-encrypted",
    });
    const exhibits: Exhibit[] = [];
    for (const { name, query } of evidenceQueries) {
      const nothing = { name, rows: 0, storedBytes: 0, cut: false };
      if (performance.now() > until) {
        exhibits.push({ ...nothing, problem: "the time for evidence was over" });
        continue;
      }
      try {
        const { lines, cut } = await readLines(client, query, until);
        const sealed = await sealWhole(Buffer.from(lines.map((line) => `${line}\n`).join("")), key);
        await putRecord(vault, `${prefix}${name}.ndjson.zst.pgp`, sealed, at, {
          contentType: "application/pgp-encrypted",
        });
        exhibits.push({ ...nothing, rows: lines.length, storedBytes: sealed.byteLength, cut, problem: null });
      } catch (error) {
        context.signal.throwIfAborted();
        const problem = error instanceof LifeboatError ? error.message : describeCode(error);
        exhibits.push({ ...nothing, problem });
      }
    }
    return { bucket: vault.bucket, prefix, exhibits };
  } finally {
    clearTimeout(hangUp);
    await client.end().catch(() => undefined);
  }
}

/** Without a key to sign with it is unsigned: whoever opens it sees that. */
async function signedMetadata({ env }: Context, id: string, wrapped: Uint8Array): Promise<Record<string, string>> {
  try {
    const { signing } = await loadConfig({ needs: ["signing"], env });
    const key = await readPrivateKey(signing.armored.reveal(), signing.passphrase?.reveal());
    return { [keysSignatureMetadata]: await signKeysFile(id, wrapped, key) };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return {};
  }
}

const lineSchema = z.object({ line: z.string() });

/** The rows as JSON, newest first as the query has them, until one of the bounds is reached. */
async function readLines(client: Client, query: string, until: number): Promise<{ lines: string[]; cut: boolean }> {
  const lines: string[] = [];
  let bytes = 0;
  await client.query(
    `begin read only; set local row_security = off; set local statement_timeout = '${bounds.querySeconds}s'`,
  );
  try {
    await client.query(`declare evidence no scroll cursor for select to_jsonb(e)::text as line from (${query}) e`);
    for (;;) {
      const { rows } = await client.query(`fetch ${bounds.rowsAtOnce} from evidence`);
      for (const row of rows) {
        const { line } = lineSchema.parse(row);
        bytes += Buffer.byteLength(line) + 1;
        if (bytes > bounds.plainBytes) return { lines, cut: true };
        lines.push(line);
      }
      if (rows.length < bounds.rowsAtOnce) return { lines, cut: false };
      if (performance.now() > until) return { lines, cut: true };
    }
  } finally {
    await client.query("rollback").catch(() => undefined);
  }
}
