import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { lifeboat as command } from "../lab/command-line.ts";
import { createProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { PLANTED_NAME, type RunningStorage, seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import { compileCache } from "../runner/compile-cache.ts";
import { backUp } from "./backup-lab.ts";
import { type FilesLab, openFilesLab, targetEnv } from "./files-lab.ts";

const run = promisify(execFile);
const superuserUrl = sharedPostgres(17).superuserUrl();

let lab: FilesLab;
let source: LabProject;
let storage: RunningStorage;

beforeAll(async () => {
  lab = await openFilesLab();
  source = await createProject(superuserUrl, `round_source_${process.pid}`);
  storage = await startStorage(source);
  await seedFiles(source, storage, { count: 80, bytes: 2_000_000, seed: 11 });
  await lab.sync(source, storage);
  // A second layer: one file is new, one is another, one is gone, one has the content of another.
  const s3 = storage.client();
  const at = { Bucket: "processed-results", ContentType: "application/pdf" };
  await s3.send(new PutObjectCommand({ ...at, Key: "new.pdf", Body: "new" }));
  await s3.send(new PutObjectCommand({ ...at, Key: "copy of new.pdf", Body: "new" }));
  await s3.send(new PutObjectCommand({ ...at, Key: "large.bin", Body: Buffer.alloc(9_000_000, 7) }));
  await s3.send(new PutObjectCommand({ ...at, Bucket: "exam-files", Key: "plain/report.pdf", Body: "another" }));
  await s3.send(new DeleteObjectCommand({ Bucket: "student-submissions", Key: `${PLANTED_NAME}/answer sheet.pdf` }));
  s3.destroy();
  await lab.sync(source, storage);
});
afterAll(async () => {
  await storage?.stop();
  await lab?.[Symbol.asyncDispose]();
});

async function lifeboat(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number; json: Record<string, unknown>; stderr: string }> {
  const ended = await command([...args, "--json"], { ...lab.env, ...env });
  return { code: ended.code, stderr: ended.stderr, json: ended.stdout === "" ? {} : JSON.parse(ended.stdout) };
}

async function rows(project: LabProject) {
  const found = await withClient(project.superuserUrl, (client) =>
    client.query(`select bucket_id, name, owner_id, user_metadata, created_at, updated_at, metadata->>'size' as size,
      metadata->>'mimetype' as type, metadata->>'cacheControl' as cache, metadata->>'eTag' as etag
      from storage.objects order by bucket_id, name collate "C"`),
  );
  return found.rows;
}

async function freshTarget(
  name: string,
): Promise<{ target: LabProject; served: RunningStorage; env: Record<string, string> }> {
  const target = await createProject(superuserUrl, `round_${name}_${process.pid}`);
  const served = await startStorage(target);
  return { target, served, env: targetEnv(target, served) };
}

describe("the newest snapshot of a project's files", () => {
  test("comes back into an empty project by command, equal in every respect", async () => {
    const { target, served, env } = await freshTarget("whole");
    const dry = await lifeboat(["restore-files", "latest", "--dry-run"], env);
    expect(dry).toMatchObject({ code: 0, json: { outcome: "dry-run", counts: { chosen: 82, sent: 82 } } });
    // A live project's own: they are told, and keep nothing of ours from going.
    await execute(
      target.superuserUrl,
      `create function public.forbid() returns event_trigger language plpgsql as $$ begin raise exception 'no drops'; end $$;
       insert into storage.buckets (id, name, file_size_limit) values ('processed-results', 'processed-results', 2);
       create event trigger forbid on sql_drop execute function public.forbid();
       create function public.look() returns trigger language plpgsql as $$ begin return new; end $$;
       create trigger look after insert on storage.objects for each row execute function public.look();`,
    );
    const done = await lifeboat(["restore-files", "latest"], env);
    expect(done).toMatchObject({
      code: 0,
      json: { outcome: "equal", counts: { sent: 82, readBack: 82 }, findings: [] },
    });
    expect(done.json["limitsLifted"]).toEqual(["processed-results"]);
    expect(done.json["notes"]).toContainEqual(expect.stringMatching(/look on storage\.objects/));
    const left = await withClient(target.superuserUrl, (client) =>
      client.query(`select (select count(*)::int from pg_namespace where nspname like 'lifeboat%') as notes,
        (select file_size_limit::int from storage.buckets where id = 'processed-results') as bytes`),
    );
    expect(left.rows).toEqual([{ notes: 0, bytes: 2 }]);
    expect(await rows(target)).toEqual(await rows(source));
    expect(done.stderr + JSON.stringify(done.json)).not.toContain("Planted");
    expect(served.answered.filter(({ misunderstood }) => misunderstood !== undefined)).toEqual([]);
    const again = await lifeboat(["restore-files", "latest", "--verify-sample", "5%"], env);
    expect(again).toMatchObject({
      code: 0,
      json: { outcome: "sampled", counts: { sent: 0, present: 82, readBack: 5 } },
    });
    await served.stop();
  });

  test("comes out into a folder, those of a list alone as well", async () => {
    const to = join(lab.sets.folder, "out");
    const all = await lifeboat(["restore-files", "latest", "--to", to], {});
    expect(all).toMatchObject({ code: 0, json: { outcome: "equal", counts: { written: 82 } } });
    for (const name of ["new.pdf", "copy of new.pdf"])
      expect(await readFile(join(to, "processed-results", name), "utf8")).toBe("new");
    expect(await readFile(join(to, "exam-files/plain/report.pdf"), "utf8")).toBe("another");
    const list = join(lab.sets.folder, "list");
    await writeFile(list, "processed-results/new.pdf\nexam-files/plain/report.pdf\n");
    const two = await lifeboat(["restore-files", "latest", "--to", `${to}-2`, "--list", list], {});
    expect(two).toMatchObject({ code: 0, json: { counts: { chosen: 2, written: 2 } } });
  });

  test("is refused with what to do where it is asked for wrongly", async () => {
    const { served, env } = await freshTarget("refused");
    const cases = [
      [["restore-files", "20200101T000000Z-00000000"], env, /snapshot/],
      [["restore-files", "latest", "--bucket", "nope"], env, /no bucket nope/],
      [["restore-files", "latest", "--verify-sample", "0"], env, /verify-sample/],
      [["restore-files", "latest", "--to", "x", "--target", "default"], env, /do not go together/],
      [["restore-files", "latest"], {}, /TARGET_STORAGE_ENDPOINT/],
      [["restore-files", "latest"], { ...env, SUPABASE_STORAGE_ENDPOINT: served.endpoint }, /comes from/],
      [["restore-files", "latest", "--production", "x"], env, /--production/],
    ] as const;
    for (const [args, settings, says] of cases) {
      const { code, stderr } = await lifeboat([...args], settings);
      expect(stderr, args.join(" ")).toMatch(says);
      expect(code, args.join(" ")).toBe(2);
    }
    expect(served.answered.filter(({ operation }) => operation === "PutObject")).toEqual([]);
    await served.stop();
  });

  test("loses the files of a damaged pack alone, says so, and gives the others", async () => {
    using vault = openVault(sharedS3().bucketAccess(lab.bucket));
    const packs: string[] = [];
    for await (const { key } of vault.list("packs/")) packs.push(key);
    const damaged = packs.at(-1) ?? "";
    const { body } = await vault.get(damaged);
    await vault.put(damaged, Buffer.concat([body.subarray(0, -1), Buffer.from([~(body.at(-1) ?? 0) & 0xff])]));
    const { served, env } = await freshTarget("damaged");
    const done = await lifeboat(["restore-files", "latest"], env);
    expect(done).toMatchObject({ code: 1, json: { outcome: "differs" } });
    const findings = done.json["findings"] as { why: string }[];
    expect(findings.length).toBeGreaterThan(0);
    for (const { why } of findings) expect(why).toMatch(/could not be taken out of the vault: artifact-damaged/);
    await vault.put(damaged, body);
    expect(await lifeboat(["restore-files", "latest"], env)).toMatchObject({ code: 0, json: { outcome: "equal" } });
    await served.stop();
  });

  test("comes back together with the database set that names it, by command and by action", async () => {
    const settings = { ...lab.env, DATABASE_URL: source.backupUrl, ...storageSettings(storage) };
    // Notes each file that comes, and tells somebody.
    await execute(
      source.postgresUrl,
      `create table public.uploads (id bigint generated always as identity primary key, name text);
       insert into public.uploads (name) values ('before');
       create function public.note_upload() returns trigger language plpgsql security definer set search_path = '' as $$
         begin insert into public.uploads (name) values (new.name); return new; end $$;
       create function public.tell_upload() returns trigger language plpgsql security definer set search_path = '' as $$
         begin perform net.http_post('http://127.0.0.1:1/upload'); return new; end $$;
       create trigger note_upload after insert or update on storage.objects for each row execute function public.note_upload();
       create trigger tell_upload after insert or update on storage.objects for each row execute function public.tell_upload()`,
    );
    const needs = ["source", "storageVault", "sourceStorage", "signing"] as const;
    const config = await loadConfig({ needs, env: settings });
    const set = await backUp(lab.sets, source.backupUrl, { files: { config, log: silentLog } });
    const { target, served, env } = await freshTarget("both");
    const inputs = {
      INPUT_SET: "latest",
      "INPUT_WITH-FILES": "true",
      "INPUT_DRY-RUN": "true",
      INPUT_TARGET: "default",
    };
    const output = join(lab.sets.folder, "output");
    const written = { GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: join(lab.sets.folder, "summary") };
    for (const path of Object.values(written)) await writeFile(path, "");
    const main = new URL("../../actions/restore/main.ts", import.meta.url).pathname;
    await run(process.execPath, [main], { env: { ...compileCache, ...lab.env, ...env, ...inputs, ...written } });
    expect(await readFile(output, "utf8")).toMatch(/files-outcome<<.*\ndry-run\n/);
    // The rows that own them come first.
    expect(await readFile(written.GITHUB_STEP_SUMMARY, "utf8")).not.toMatch(/owners? of files/);
    const done = await lifeboat(["restore", "latest", "--with-files"], env);
    expect(done, done.stderr).toMatchObject({
      code: 0,
      json: { set: set.set, outcome: "equal", files: { outcome: "equal", snapshot: set.files?.set } },
    });
    expect(await rows(target)).toEqual(await rows(source));
    const noticed = await withClient(target.superuserUrl, (client) =>
      client.query(`select (select array_agg(name) from public.uploads) as uploads,
        (select count(*)::int from net.http_request_queue) as told,
        (select array_agg(tgname::text) from pg_trigger where tgname in ('note_upload', 'tell_upload')) as triggers`),
    );
    expect(noticed.rows).toEqual([{ uploads: ["before"], told: 0, triggers: ["note_upload"] }]);
    const same = await lifeboat(["prove", "latest", "--with-files"], env);
    expect(same, same.stderr).toMatchObject({
      code: 0,
      json: {
        outcome: "equal",
        files: { outcome: "equal", counts: { missing: 0, different: 0, extra: 0 }, findings: [] },
      },
    });
    const wrote = served.answered.filter(({ operation }) => !/^(Get|List|Head)/.test(operation)).length;
    await execute(
      target.superuserUrl,
      `set session_replication_role = replica; set storage.allow_delete_query = 'true';
       delete from storage.objects where ctid = (select min(ctid) from storage.objects);
       update storage.objects set user_metadata = '{"a": 1}' where ctid = (select max(ctid) from storage.objects);
       insert into storage.objects (bucket_id, name) select id, 'a newer one' from storage.buckets limit 1`,
    );
    const other = await lifeboat(["prove", "latest", "--with-files"], env);
    expect(other, other.stderr).toMatchObject({
      code: 1,
      json: {
        outcome: "differs",
        files: { outcome: "differs", counts: { missing: 1, different: 0, extra: 1, findings: 2 } },
      },
    });
    expect(served.answered.filter(({ operation }) => !/^(Get|List|Head)/.test(operation))).toHaveLength(wrote);
    await served.stop();
  });
});
