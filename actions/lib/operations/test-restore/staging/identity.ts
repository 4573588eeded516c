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
