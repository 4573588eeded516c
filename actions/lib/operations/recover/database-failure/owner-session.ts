import type { Client } from "pg";
import { z } from "zod";
import type { Environment } from "../../../config/environment.ts";
import { Secret } from "../../../config/problems.ts";
import { connect } from "../../../postgres/connect/connect.ts";
import { type ManagementApi, projectPath } from "../../../supabase/management-api.ts";
import { readDatabaseAddress } from "../../../supabase/new-project/reach.ts";

const loginSchema = z.object({ role: z.string().regex(/^[a-z_][a-z0-9_]*$/), password: z.string().min(1) });
const once = { attempts: 1, attemptSeconds: 10, baseMillis: 0, capMillis: 0 };

/**
 * Opens a session that may do what `postgres` may, by a role that the Management API makes for some minutes: a recovery needs no password of
 * the owner's, and whatever the password is after it.
 *
 * @param purpose what the session is called at the server: `lifeboat/<purpose>`
 * @throws LifeboatError what the API refuses, or a database that cannot be reached
 */
export async function connectAsOwner(
  api: ManagementApi,
  ref: string,
  env: Environment,
  purpose: string,
): Promise<Client> {
  const { region } = await api.get(projectPath(ref), z.object({ region: z.string() }));
  const { role, password } = await api.ask("POST", projectPath(ref, "/cli/login-role"), loginSchema, {
    read_only: false,
  });
  const address = await readDatabaseAddress(api, { ref, region, password: new Secret(password) }, env);
  const client = await connect(
    { ...address, user: `${role}.${ref}` },
    { applicationName: `lifeboat/${purpose}`, lockWaitSeconds: 5, patience: once },
  );
  await client.query("set role postgres");
  return client;
}
