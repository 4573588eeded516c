import type { Client } from "pg";
import { doInBatches } from "../../../base/flow/bounded.ts";
import { pathStatement } from "../../../postgres/inventory/search-paths.ts";
import { attempt, reasonOf } from "../../target/attempt.ts";
import type { Step } from "./step.ts";

/** Steps that did not work, with the reason in our words: an SQLSTATE and its meaning, never the server's text. */
export type StepFailures = Map<Step, string>;

export type AfterStep = (step: Step) => string | undefined;

/** Settings under which pg_dump's statements mean what they say. */
const dumpSession = `
  set search_path = '';
  set check_function_bodies = off;
  set standard_conforming_strings = on;
  set client_min_messages = error;
  set row_security = off;
  set default_tablespace = '';
  set xmloption = content`;

/** Opens a session in which pg_dump's statements mean what they say. */
export async function dumpClient(connect: () => Promise<Client>): Promise<Client> {
  const client = await connect();
  await client.query(dumpSession);
  return client;
}

/** The statement of one step, under the access method that its table had. */
export function statementOf({ entry }: Step): string {
  const method = entry.tableam === null || entry.tableam === "" ? "heap" : entry.tableam;
  const table = entry.desc === "TABLE" || entry.desc === "MATERIALIZED VIEW";
  const before = table ? `set default_table_access_method = '${method.replaceAll("'", "''")}';\n` : "";
  return `${before}${entry.defn.replace(/;?\s*$/, ";")}\n`;
}

/**
 * Runs steps in order, several a message (see `doInBatches`).
 *
 * @param afterStep a statement to be run with the step, in the same transaction
 * @param path search path in the place of the empty one
 */
export async function runSteps(
  client: Client,
  steps: readonly Step[],
  afterStep: AfterStep = () => undefined,
  path?: string,
): Promise<StepFailures> {
  const before = path === undefined ? "" : pathStatement(path);
  const text = (step: Step) => before + statementOf(step) + (afterStep(step) ?? "");
  return doInBatches(steps, {
    together: (batch) => worked(client, batch.map(text).join("")),
    alone: (step) => attempt(client, text(step)),
  });
}

async function worked(client: Client, sql: string): Promise<boolean> {
  try {
    await client.query(sql);
    return true;
  } catch (error) {
    reasonOf(error); // throws what no other statement could do
    return false;
  }
}
