import type { Client } from "pg";
import { objectKey } from "../source/inventory/object-key.ts";
import type { SchemaPlan, Step } from "./plan.ts";
import { dumpSession, runSteps, type StepFailures } from "./run-steps.ts";

/** Sessions for the schema, as many as may work side by side. */
export interface SchemaSessions {
  readonly connect: () => Promise<Client>;
  readonly jobs: number;
}

/** Opens a session in which pg_dump's statements mean what they say. */
export async function dumpClient(connect: () => Promise<Client>): Promise<Client> {
  const client = await connect();
  await client.query(dumpSession);
  return client;
}

/**
 * Builds keys and indexes, each table's in turn, several tables side by side: building them is most of a restore's time
 * after the data, and two sessions at one table would only wait for each other.
 */
export async function buildIndexes(
  sessions: SchemaSessions,
  groups: SchemaPlan["indexes"],
  onDone: (step: Step) => void,
): Promise<StepFailures> {
  const queue = [...groups];
  const failures: StepFailures = new Map();
  const worker = async (): Promise<void> => {
    const client = await dumpClient(sessions.connect);
    try {
      for (let group = queue.shift(); group !== undefined; group = queue.shift()) {
        for (const [step, reason] of await runSteps(client, group, onDone)) failures.set(step, reason);
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(sessions.jobs, groups.length)) }, () => worker()));
  return failures;
}

/** Failures by object key, for those steps that make an object; the comparison finds what came of the others. */
export function failuresByKey(...all: readonly StepFailures[]): Map<string, string> {
  const byKey = new Map<string, string>();
  for (const failures of all) {
    for (const [step, reason] of failures) if (step.object !== undefined) byKey.set(objectKey(step.object), reason);
  }
  return byKey;
}
