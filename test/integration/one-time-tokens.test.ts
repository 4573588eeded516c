import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runProve } from "../../actions/lib/operations/prove/run-prove.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";

const superuser = () => sharedPostgres(17).superuserUrl();
const names = ["source", "target"].map((side) => `one_time_${side}_${process.pid}`);
let lab: BackupLab;
let source: LabProject;
let target: LabProject;

/** A link that was mailed, one that nobody asked for, and a value that reads like NULL in COPY text. */
const people = `
  insert into auth.users (id, email, confirmation_token, recovery_token, phone_change_token) values
    ('9c1d1b60-0000-4000-8000-000000000001', 'a@example.org', '', 'c0ffee-recovery', ''),
    ('9c1d1b60-0000-4000-8000-000000000002', 'b@example.org', null, '\\N', ''),
    ('9c1d1b60-0000-4000-8000-000000000003', E'tab\\there@example.org', 'c0ffee-confirmation', '', '');
  insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to) values
    ('9c1d1b60-0000-4000-8000-0000000000aa', '9c1d1b60-0000-4000-8000-000000000001', 'recovery_token', 'c0ffee-hash', 'a@example.org')`;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  [source, target] = [
    await createProject(superuser(), names[0] ?? ""),
    await createProject(superuser(), names[1] ?? ""),
  ];
  await execute(source.superuserUrl, people);
  await backUp(lab, source.backupUrl);
});
afterAll(async () => {
  for (const name of names) await dropProject(superuser(), name);
  await lab[Symbol.asyncDispose]();
});

test("a restore brings people back without the tokens that were good for one time, and says so", async () => {
  const result = await restoreInto(lab, target.postgresUrl);
  expect(told(result, "failed")).toEqual([]);
  expect(result.outcome).toBe("equal");
  const expected = told(result, "expected").join("\n");
  expect(expected).toMatch(/table auth\.users: rows: .*recovery_token.* are empty here \[one-time tokens/);
  expect(expected).toMatch(/table auth\.one_time_tokens: rows: 1 rows stay in the set \[one-time tokens/);
  const found = await withClient(target.superuserUrl, (client) =>
    client.query(`select email, confirmation_token, recovery_token,
      (select count(*)::int from auth.one_time_tokens) as tokens from auth.users order by id`),
  );
  const none = { recovery_token: "", tokens: 0 };
  expect(found.rows).toEqual([
    { email: "a@example.org", confirmation_token: "", ...none },
    { email: "b@example.org", confirmation_token: null, ...none },
    { email: "tab\there@example.org", confirmation_token: "", ...none },
  ]);
});

test("the copy is equal whenever it is compared again, and a person's other values are still compared", async () => {
  const env = {
    ...lab.env(source.backupUrl),
    RESTORE_PRIVATE_KEY: lab.operations.key.armor(),
    TARGET_DATABASE_URL: target.postgresUrl,
  };
  const config = await loadConfig({ needs: ["vault", "opening", "target"], env });
  const compare = () => runProve({ config, ref: "latest", log: silentLog });
  expect((await compare()).outcome).toBe("equal");
  await execute(target.superuserUrl, "update auth.users set email = 'c@example.org' where email like 'b@%'");
  const changed = await compare();
  expect(changed.differences.filter(({ verdict }) => verdict === "failed").map(({ identity }) => identity)).toEqual([
    "auth.users",
  ]);
});
