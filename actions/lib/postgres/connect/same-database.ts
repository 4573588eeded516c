import { randomBytes } from "node:crypto";
import type { Client } from "pg";

const held = `
  select exists (
    select from pg_locks l join pg_database d on d.oid = l.database
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and d.datname = current_database()
       and l.classid::int8 = ($1::int8 >> 32) and l.objid::int8 = ($1::int8 & 4294967295)) as held`;

/**
 * Whether two sessions are in the same database, whatever their addresses say: a lock with a key by chance, taken in one, is
 * looked for in the other. Advisory locks are a database's own (PostgreSQL's manual, "Advisory Locks"), any role may take one, and every
 * role sees who holds them. System identifiers tell less: copies share them, and so do projects made of one image.
 *
 * @returns undefined when a pooler gives the first session to others between statements, so that the lock says nothing
 */
export async function isSameDatabase(one: Client, other: Client): Promise<boolean | undefined> {
  const key = (randomBytes(8).readBigUInt64BE() >> 1n).toString();
  const seen = async (client: Client): Promise<boolean> => (await client.query(held, [key])).rows[0]?.held === true;
  const taken = await one.query("select pg_try_advisory_lock($1::int8) as taken, pg_backend_pid() as pid", [key]);
  try {
    if (await seen(other)) return true;
    const again = await one.query("select pg_backend_pid() as pid");
    const steady = taken.rows[0]?.pid === again.rows[0]?.pid && taken.rows[0]?.taken === true && (await seen(one));
    return steady ? false : undefined;
  } finally {
    await one.query("select pg_advisory_unlock($1::int8)", [key]).catch(() => undefined);
  }
}
