import { afterAll, beforeAll, expect, test } from "vitest";
import type { SnapshotFile } from "../../actions/lib/operations/restore-files/vault-snapshot.ts";
import { countFiles } from "../../actions/lib/operations/test-restore/files-against-rows.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

const name = `files_rows_${process.pid}`;
let project: LabProject;
const count = 2500;

beforeAll(async () => {
  project = await createProject(sharedPostgres(17).superuserUrl(), name);
  await execute(
    project.postgresUrl,
    `insert into storage.buckets (id, name) values ('b', 'b');
     insert into storage.objects (bucket_id, name, metadata)
     select 'b', 'file ' || n, jsonb_build_object('size', n, 'eTag', '"' || md5(n::text) || '"') from generate_series(1, ${count}) n`,
  );
});
afterAll(() => dropProject(sharedPostgres(17).superuserUrl(), name));

/** The snapshot of these very rows, changed. */
async function counted(absent: number, change: (files: SnapshotFile[]) => SnapshotFile[] = (files) => files) {
  return withClient(project.postgresUrl, async (client) => {
    const { rows } = await client.query(
      `select id, bucket_id as bucket, name, (metadata->>'size')::int as bytes, trim('"' from metadata->>'eTag') as "eTag" from storage.objects order by name`,
    );
    const files = change(rows);
    return countFiles(
      client,
      {
        async *files() {
          yield* files;
        },
      },
      absent,
    );
  });
}

test("rows and files that belong together have nothing missing and nothing different", async () => {
  expect(await counted(0)).toEqual({ compared: count, missing: 0, different: 0 });
});

test("a file without a row, a row without a file and other contents are counted", async () => {
  const changed = await counted(0, ([first, second, ...rest]) => [
    ...(first === undefined ? [] : [{ ...first, name: "of nobody" }]),
    ...(second === undefined ? [] : [{ ...second, eTag: "another" }]),
    ...rest,
  ]);
  expect(changed).toEqual({ compared: count - 1, missing: 2, different: 1 });
});

test("rows whose files the snapshot knows to be lost are not missing", async () => {
  expect(await counted(3, (files) => files.slice(3))).toEqual({ compared: count - 3, missing: 0, different: 0 });
  expect(await counted(3, (files) => files.slice(4))).toMatchObject({ missing: 1 });
});
