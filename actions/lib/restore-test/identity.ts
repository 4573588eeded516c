import type { Client } from "pg";
import { z } from "zod";

/** Which database this is, whatever address led here. */
export interface DatabaseIdentity {
  /** Made at initdb; a physical copy of a cluster keeps it. */
  readonly systemIdentifier: string;
  readonly database: string;
}

/** Asks the server itself; every role may (pg_control_system is executable by PUBLIC). */
export async function readIdentity(client: Client): Promise<DatabaseIdentity> {
  const answer = await client.query(
    `select (select system_identifier from pg_control_system())::text as "systemIdentifier",
            current_database()::text as database`,
  );
  return z.strictObject({ systemIdentifier: z.string(), database: z.string() }).parse(answer.rows[0]);
}

/** The project's ref as Supabase's own addresses carry it: `postgres.<ref>` at the pooler, `db.<ref>.supabase.co`. */
export function refOfAddress(host: string, user: string): string | undefined {
  const direct = /^db\.([a-z0-9]+)\.supabase\.(?:co|in|net)$/.exec(host)?.[1];
  if (direct !== undefined) return direct;
  return /\.pooler\.supabase\.com$/.test(host) ? /^[^.]+\.([a-z0-9]+)$/.exec(user)?.[1] : undefined;
}
