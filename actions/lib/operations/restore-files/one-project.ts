import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import type { ProjectStorage, Target } from "../../config/environment.ts";
import type { ProjectFiles } from "../../storage/project-files.ts";
import { targetNames } from "../target/whose.ts";
import type { SelectedFile } from "./selection.ts";
import { readBuckets, readRows } from "./target-rows.ts";

/**
 * Lets no files of one project into another's rows: database, endpoint and ref of the target's settings are one project's.
 * @throws ConfigurationError `target-mixed`
 */
export function refuseMixed(
  target: Pick<Target, "name" | "projectRef" | "database">,
  storage: Pick<ProjectStorage, "endpoint" | "prefix">,
): void {
  const { refs } = targetNames(target, storage);
  if (refs.length <= 1) return;
  const { prefix } = storage;
  throw new ConfigurationError(
    "target-mixed",
    `The settings of target ${target.name} lead to different projects: ${refs.join(" and ")}.`,
    `Make ${prefix}_DATABASE_URL, ${prefix}_STORAGE_ENDPOINT and ${prefix}_PROJECT_REF those of one project.`,
  );
}

/** Rows and bytes are reached by two addresses: that both are of one project is shown, not believed. */

/**
 * Before anything is written: the endpoint's buckets are the database's rows.
 *
 * @param prefix of the target's settings, for messages
 * @throws ConfigurationError `target-mixed`; `target-storage-refused` when keys or region are wrong
 */
export async function assertSameBuckets(
  client: Client,
  target: Pick<ProjectFiles, "buckets">,
  prefix: string,
  signal?: AbortSignal,
): Promise<void> {
  const [served, stored] = [new Set(await target.buckets(signal)), await readBuckets(client)];
  const same = served.size === stored.size && [...stored.keys()].every((id) => served.has(id));
  if (!same) throw mixed("The target's endpoint does not have the buckets that the target's database has", prefix);
}

/**
 * After the first file: two projects may have buckets of the same names, and rows of the same files.
 *
 * @param before the version that stood in its row before it was sent
 * @throws ConfigurationError `target-mixed`
 */
export async function assertArrivedHere(
  client: Client,
  file: SelectedFile,
  before: string | null | undefined,
  prefix: string,
): Promise<void> {
  const row = (await readRows(client, [file])).get(0);
  if (row?.bytes !== file.bytes || row.version === before)
    throw mixed("A file that was sent to the target's endpoint is not in the target's database", prefix);
}

/**
 * Before files are removed: the endpoint serves this very database. Buckets of the same names say nothing, because a copy has them too: one
 * that is made for this question, and goes at once, does.
 *
 * @param prefix of the target's settings, for messages
 * @throws ConfigurationError `target-mixed`; what the endpoint or the database refuses
 */
export async function assertServes(
  client: Client,
  target: Pick<ProjectFiles, "buckets">,
  prefix: string,
  signal?: AbortSignal,
): Promise<void> {
  const bucket = `lifeboat-${randomUUID()}`;
  await client.query("insert into storage.buckets (id, name) values ($1, $1)", [bucket]);
  try {
    if ((await target.buckets(signal)).includes(bucket)) return;
    throw mixed("The target's endpoint does not show what the target's database has", prefix);
  } finally {
    await client.query("begin");
    await client.query("set local storage.allow_delete_query = 'true'");
    await client.query("delete from storage.buckets where id = $1", [bucket]);
    await client.query("commit");
  }
}

function mixed(what: string, prefix: string): ConfigurationError {
  return new ConfigurationError(
    "target-mixed",
    `${what}: they belong to different projects.`,
    `Make ${prefix}_STORAGE_ENDPOINT and ${prefix}_DATABASE_URL those of one project.`,
  );
}
