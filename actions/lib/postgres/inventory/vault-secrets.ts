import type { Client } from "pg";
import { z } from "zod";
import { OperationError, sqlState } from "../../base/errors.ts";
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

/** The artifact that holds them, a JSON document a line. Others of its kind, `secrets`, hold something else. */
export const vaultSecretsArtifact = "secrets/vault.ndjson.zst.pgp";

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
 * The secrets of a set, a JSON document a line, as a table of the session, and room for those that are there. COPY brings
 * them: whatever a server logs, the rows of a COPY are never in it. A restore and RECOVER.md do the same.
 */
export const loadSecrets = {
  table: `create temporary table lifeboat_secrets (line jsonb) on commit drop;
create temporary table lifeboat_present (id uuid, name text, description text, secret text) on commit drop`,
  copy: "copy pg_temp.lifeboat_secrets from stdin with (format csv, delimiter E'\\x02', quote E'\\x01')",
};

/**
 * Opens what the target has, each by itself: one that was sealed with another root key (a clone, a key that was changed since an
 * earlier attempt) does not open, and must not hide the others. A missing right is no such thing, and ends it.
 */
const inspectSecrets = `do $look$
declare
  one record;
  opened text;
begin
  truncate pg_temp.lifeboat_present;
  for one in select s.id, s.name, s.description from vault.secrets s loop
    begin
      select d.decrypted_secret into opened from vault.decrypted_secrets d where d.id = one.id;
    exception
      when insufficient_privilege then raise;
      when others then opened := null;
    end;
    insert into pg_temp.lifeboat_present values (one.id, one.name, coalesce(one.description, ''), opened);
  end loop;
end
$look$`;

const wantedSecrets = `(select line->>'secret' as secret, line->>'name' as name, coalesce(line->>'description', '') as description
    from pg_temp.lifeboat_secrets where line->>'secret' is not null) wanted`;

const lackingSecrets = `from ${wantedSecrets}
  where not exists (select from pg_temp.lifeboat_present there where there.secret = wanted.secret
    and there.name is not distinct from wanted.name and there.description = wanted.description)`;

/** What an earlier attempt has left and nobody opens any more. Asked first: not every platform lets us delete. */
const clearUnopened = `do $clear$
begin
  if exists (select from pg_temp.lifeboat_present there where ${isUnopened("there")}) then
    delete from vault.secrets s using pg_temp.lifeboat_present there where s.id = there.id and ${isUnopened("there")};
  end if;
end
$clear$`;

function isUnopened(there: string): string {
  return `(${there}.secret is null and exists (select from ${wantedSecrets} where ${there}.name is not distinct from wanted.name
    and (wanted.name is not null or ${there}.description = wanted.description)))`;
}

/** Each by Vault's own function, sealed with this database's key. A name that has another value here keeps it. */
export const makeSecrets = `${inspectSecrets};
${clearUnopened};
select count(vault.create_secret(wanted.secret, wanted.name, wanted.description)) ${lackingSecrets}
  and not exists (select from pg_temp.lifeboat_present there where there.secret is not null and there.name = wanted.name)`;

/** What has become of them, to be asked after `makeSecrets` in its transaction. */
export const secretsMade = {
  look: inspectSecrets,
  counts: `select count(*)::text as all, (count(*) filter (where line->>'secret' is null))::text as closed,
    (select count(*) ${lackingSecrets})::text as lacking,
    (select count(*) from pg_temp.lifeboat_present there where not exists (
      select from pg_temp.lifeboat_secrets where there.name is not distinct from line->>'name'
        and (there.name is not null or line->>'secret' is null or there.secret = line->>'secret')))::text as others
    from pg_temp.lifeboat_secrets`,
};

/** One secret, a line of the artifact. */
interface VaultSecret {
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

/** Secrets that are asked for together. */
const together = 100;

/**
 * Reads Vault's secrets in the transaction that the session is in: one that was sealed with another root key does not open, and must
 * not hide the others.
 *
 * @throws OperationError `secrets-failed`, with an SQLSTATE and nothing else of the server's words
 */
export async function* readVaultSecrets(client: Client): AsyncGenerator<VaultSecret, void, undefined> {
  const asked = "select s.id::text as id from vault.secrets s order by s.created_at, s.id";
  const ids = (await rowsOf(client, z.object({ id: z.string() }), asked)).map(({ id }) => id);
  const kept = `select s.id::text as id, s.name, s.description, s.secret as ciphertext, encode(s.nonce, 'base64') as nonce
    from vault.secrets s where s.id = any ($1::uuid[]) order by s.created_at, s.id`;
  for (let start = 0; start < ids.length; start += together) {
    const some = ids.slice(start, start + together);
    const rows = await rowsOf(client, rowSchema, kept, [some]);
    const opened = await openedByServer(client, some);
    for (const row of rows) yield { ...row, secret: opened.get(row.id) ?? null };
  }
}

/** Values by id, of those that open: all together, and one by one where one of them does not. */
async function openedByServer(client: Client, ids: readonly string[]): Promise<Map<string, string | null>> {
  await client.query("savepoint some_secrets");
  try {
    const answer = await client.query(
      "select d.id::text as id, d.decrypted_secret as secret from vault.decrypted_secrets d where d.id = any ($1::uuid[])",
      [ids],
    );
    await client.query("release savepoint some_secrets");
    return new Map(
      z
        .array(openedSchema)
        .parse(answer.rows)
        .map(({ id, secret }) => [id, secret]),
    );
  } catch (error) {
    if (sqlState(error) === "none") throw failed(error);
    await client.query("rollback to savepoint some_secrets");
    if (ids.length === 1) return new Map();
    const singly: [string, string | null][] = [];
    for (const id of ids) singly.push(...(await openedByServer(client, [id])));
    return new Map(singly);
  }
}

const openedSchema = z.object({ id: z.string(), secret: z.string().nullable() });

async function rowsOf<Row>(client: Client, row: z.ZodType<Row>, sql: string, values: unknown[] = []): Promise<Row[]> {
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
