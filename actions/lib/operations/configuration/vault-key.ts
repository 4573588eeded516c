import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { z } from "zod";
import type { Clock } from "../../base/flow/clock.ts";
import type { Log } from "../../base/log.ts";
import { countOf } from "../../base/measures.ts";
import { quoteLiteral } from "../../postgres/identifier.ts";
import { hasVaultSql, loadSecrets, vaultSecretsArtifact } from "../../postgres/inventory/vault-secrets.ts";
import type { ManagementApi } from "../../supabase/management-api.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import { putRootKey } from "./keys.ts";
import { readRootKey } from "./read.ts";

/** Opens a session of the new project's `postgres`: anew for each look, for the API may start the database again. */
type Connect = () => Promise<Client>;

interface Bringing {
  readonly api: ManagementApi;
  readonly ref: string;
  /** From escrow; the set's own counts first. */
  readonly key?: string | undefined;
  readonly connect: Connect;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Gives the new project the root key of the lost one's Vault, where the set has secrets whose value the backup could not read: nothing
 * else opens them. That it took is proven by one that opens inside the database. Only before the set is restored: what is sealed
 * with the project's own key would open no more.
 *
 * @returns why it was not done, as a sentence; undefined: it was, or there is nothing to open
 * @throws OperationError `root-key`; what `connect`, the API and the set's reader throw
 */
export async function bringRootKey(open: OpenSet, bringing: Bringing): Promise<string | undefined> {
  const { connect, clock, log, signal } = bringing;
  if (!hasSecrets(open)) return undefined;
  const root = (await readRootKey(open)) ?? bringing.key;
  const before = await inspect(connect, open);
  if (before.closed === 0 || before.opened > 0) return undefined;
  const lost = `${countOf(before.closed, "Vault secret")} whose value the backup could not read`;
  if (root === undefined) return `Nothing opens ${lost}: neither the set nor escrow has the root key.`;
  if (before.there > 0) return `Nothing opens ${lost}: the new project's Vault has secrets of its own already.`;
  const opens = async (): Promise<boolean> => {
    for (let attempt = 0; attempt < attempts; attempt++) {
      // The database may be started again for the key: that it does not answer yet says nothing.
      const found = await inspect(connect, open).catch(() => undefined);
      signal.throwIfAborted();
      if (found !== undefined && found.opened > 0) return true;
      await clock.sleep(pauseMillis, signal);
    }
    return false;
  };
  if (!(await putRootKey(bringing, root, opens))) return `The root key does not open ${lost} in the new project.`;
  log.info(`The new project's Vault has the root key of the lost one, which opens ${lost}.`);
  return undefined;
}

const attempts = 12;
const pauseMillis = 5000;

/**
 * Makes the secrets that only the root key opens, in the new project's own Vault and without their values leaving the database. Those
 * that are there stay as they are. After the set is restored.
 * @returns how many the set has, and how many of them are there now
 * @throws what `connect` and the set's reader throw; the server's errors
 */
export async function makeClosedSecrets(open: OpenSet, connect: Connect): Promise<{ closed: number; made: number }> {
  if (!hasSecrets(open)) return { closed: 0, made: 0 };
  const { closed, opened } = await inspect(connect, open, make);
  return { closed, made: opened };
}

const hasSecrets = ({ manifest }: OpenSet): boolean =>
  manifest.artifacts.some(({ name }) => name === vaultSecretsArtifact);

/** What is done with each secret that opens, in PL/pgSQL: `one` is the secret, `opened` its value. */
const nothing = "null;";
const make = `if not exists (select from vault.decrypted_secrets there where there.name is not distinct from one.name
        and (one.name is not null or there.decrypted_secret = opened)) then
      perform vault.create_secret(opened, one.name, one.description);
    end if;`;

const countsSchema = z.object({ closed: z.number(), opened: z.number(), there: z.number() });

/** Opens each closed secret of the set by itself in the database, by the platform's own way of opening. Nothing stays but what is made. */
async function inspect(connect: Connect, open: OpenSet, work = nothing): Promise<z.output<typeof countsSchema>> {
  const client = await connect();
  try {
    const vault = await client.query(`select ${hasVaultSql} as there`);
    if (vault.rows[0]?.there !== true) return { closed: 0, opened: 0, there: 0 };
    await client.query("begin");
    await client.query(loadSecrets.table);
    await pipeline(open.artifact(vaultSecretsArtifact), client.query(copyFrom(loadSecrets.copy)));
    await client.query(closedOnes);
    await client.query(openEach(await definitionOf(client), work));
    const counted = await client.query(`select (select count(*)::int from vault.secrets) as there,
      count(*)::int as closed, (count(*) filter (where opens))::int as opened from pg_temp.lifeboat_closed`);
    const counts = countsSchema.parse(counted.rows[0]);
    await client.query(work === nothing ? "rollback" : "commit");
    return counts;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A table of the very name that the platform's view reads, in a schema of the session's own. */
const closedOnes = `create temporary table secrets (like vault.secrets) on commit drop;
create temporary table lifeboat_closed (id uuid, opens boolean) on commit drop;
insert into pg_temp.secrets (id, name, description, secret, nonce, created_at, updated_at)
  select (line->>'id')::uuid, line->>'name', coalesce(line->>'description', ''), line->>'ciphertext',
         decode(line->>'nonce', 'base64'), now(), now()
    from pg_temp.lifeboat_secrets where line->>'secret' is null`;

/** How the platform opens a secret, over the set's instead of its own. Functions and their arguments differ by version. */
async function definitionOf(client: Client): Promise<string> {
  const answer = await client.query("select pg_get_viewdef('vault.decrypted_secrets'::regclass) as definition");
  const { definition } = z.object({ definition: z.string() }).parse(answer.rows[0]);
  return definition.replace(/;\s*$/, "").replace(/\bvault\.secrets\b/, "pg_temp.secrets");
}

const openEach = (definition: string, work: string): string => `do $each$
declare
  one record;
  opened text;
begin
  for one in select s.id, s.name, s.description from pg_temp.secrets s loop
    begin
      execute ${quoteLiteral(`select d.decrypted_secret from (${definition}) d where d.id = $1`)} into opened using one.id;
      ${work}
      insert into pg_temp.lifeboat_closed values (one.id, opened is not null);
    exception
      when insufficient_privilege then raise;
      when others then insert into pg_temp.lifeboat_closed values (one.id, false);
    end;
  end loop;
end
$each$`;
