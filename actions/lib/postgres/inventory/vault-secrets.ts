import type { Client } from "pg";
import { z } from "zod";
import { sqlState } from "../../base/error-code.ts";
import { OperationError } from "../../base/errors.ts";
import { tableName } from "../identifier.ts";
import type { TableContent } from "./model.ts";

/** Where Supabase's Vault keeps its secrets, as ciphertext; what opens them is a key outside of the database. */
const vaultSecrets = "vault.secrets";

/**
 * Whether the rows of a table are Vault's secrets: they are in no dump, and go under the second session key alone. In sets of
 * an earlier Lifeboat they are in the dumps, as ciphertext (`carried`).
 */
export function isVaultSecrets(table: Pick<TableContent, "schema" | "name" | "carried">): boolean {
  return !table.carried && tableName(table) === vaultSecrets;
}

/**
 * Whether a database has a Vault whose view and functions may be called: all that is in the schema belongs to superusers, as it
 * does where the extension or the platform made it. Anybody's own schema of that name could hold code that waits for us.
 */
export const hasVaultSql = `(to_regclass('vault.decrypted_secrets') is not null and not exists (
  select from (select relowner as owner from pg_class where relnamespace = to_regnamespace('vault')
               union all select proowner from pg_proc where pronamespace = to_regnamespace('vault')) made
    join pg_roles r on r.oid = made.owner where not r.rolsuper))`;

/** Whether `vault.create_secret` is an extension's: on plain PostgreSQL any other may have come with the very set. */
export const createsOfExtensionSql = `exists (
  select from pg_proc p join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
   where p.pronamespace = to_regnamespace('vault') and p.proname = 'create_secret')`;

/** Whether table `c` in schema `n` holds Vault's secrets, in SQL. */
export const isVaultSecretsSql = `(n.nspname = 'vault' and c.relname = 'secrets' and ${hasVaultSql})`;

/**
 * The secrets of a set, a JSON document a line, as a table of the session. COPY brings them: whatever a server logs, the rows
 * of a COPY are never in it. A restore and RECOVER.md do the same.
 */
export const loadSecrets = {
  table: "create temporary table lifeboat_secrets (line jsonb) on commit drop",
  copy: "copy pg_temp.lifeboat_secrets from stdin with (format csv, delimiter E'\\x02', quote E'\\x01')",
};

export const lackingSecrets = `from (select line->>'secret' as secret, line->>'name' as name, coalesce(line->>'description', '') as description
    from pg_temp.lifeboat_secrets where line->>'secret' is not null) wanted
  where not exists (select from vault.decrypted_secrets there where there.decrypted_secret = wanted.secret
    and there.name is not distinct from wanted.name and there.description = wanted.description)`;

/** Each by Vault's own function, sealed with this database's key. */
export const makeSecrets = `select count(vault.create_secret(wanted.secret, wanted.name, wanted.description)) ${lackingSecrets}`;

/** One secret, a line of the artifact. */
export interface VaultSecret {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  /** The value; null when the role may not open it, or it does not open. */
  readonly secret: string | null;
  /** As the table has it (base64), with its nonce: for whoever has the source's root key. */
  readonly ciphertext: string;
  readonly nonce: string | null;
}

const rowSchema = z.object({
  id: z.string(),
  name: z.string().nullable(),
  description: z.string().nullable(),
  ciphertext: z.string(),
  nonce: z.string().nullable(),
});

/**
 * Reads Vault's secrets in the transaction that the session is in, each by itself: one that was sealed with another root key
 * does not open, and must not hide the others.
 *
 * @throws OperationError `secrets-failed`, with an SQLSTATE and nothing else of the server's words
 */
export async function* readVaultSecrets(client: Client): AsyncGenerator<VaultSecret, void, undefined> {
  const asked = "select s.id::text as id from vault.secrets s order by s.created_at, s.id";
  for (const { id } of await rowsOf(client, z.object({ id: z.string() }), asked)) {
    const kept = `select s.id::text as id, s.name, s.description, s.secret as ciphertext, encode(s.nonce, 'base64') as nonce
      from vault.secrets s where s.id = $1`;
    const [row] = await rowsOf(client, rowSchema, kept, [id]);
    if (row !== undefined) yield { ...row, secret: await openedByServer(client, id) };
  }
}

async function openedByServer(client: Client, id: string): Promise<string | null> {
  await client.query("savepoint one_secret");
  try {
    const answer = await client.query(
      "select d.decrypted_secret as secret from vault.decrypted_secrets d where d.id = $1",
      [id],
    );
    await client.query("release savepoint one_secret");
    return z.object({ secret: z.string().nullable() }).parse(answer.rows[0]).secret;
  } catch (error) {
    if (sqlState(error) === "none") throw failed(error);
    await client.query("rollback to savepoint one_secret");
    return null;
  }
}

async function rowsOf<Row>(client: Client, row: z.ZodType<Row>, sql: string, values: string[] = []): Promise<Row[]> {
  const answer = await client.query(sql, values).catch((error: unknown) => {
    throw failed(error);
  });
  return z.array(row).parse(answer.rows);
}

function failed(error: unknown): OperationError {
  return new OperationError(
    "secrets-failed",
    `Vault's secrets could not be read (${sqlState(error)}).`,
    "The backup role reads them by pg_read_all_data: run `lifeboat check`.",
    error,
  );
}
