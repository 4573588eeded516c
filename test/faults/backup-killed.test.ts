import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifySet } from "../../actions/lib/prove/verify.ts";
import { silentLog } from "../../actions/lib/runtime/log.ts";
import { listSets } from "../../actions/lib/vault/catalogue.ts";
import { unfinishedUploads } from "../../actions/lib/vault/unfinished-uploads.ts";
import { versionPages } from "../../actions/lib/vault/versions.ts";
import { type BackupLab, openBackupLab } from "../integration/backup-lab.ts";
import { execute } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/shared.ts";

const runner = fileURLToPath(new URL("backup-runner.ts", import.meta.url));
const kills = 100;
const name = `killed_${process.pid}`;
let lab: BackupLab;
let url: string;

beforeAll(async () => {
  const server = sharedPostgres(17);
  await execute(server.superuserUrl(), `create database ${name}`);
  url = server.superuserUrl(name);
  await execute(
    url,
    `create table grades (id int primary key, mark text);
     insert into grades select n, md5(n::text) from generate_series(1, 2000) n;
     create sequence tickets;
     select lo_from_bytea(0, 'an object');`,
  );
  // Locks only stand in the way of looking: what a killed run leaves behind is what counts.
  lab = await openBackupLab(sharedS3(), {
    policy: (policy) => ({ ...policy, tiers: { ...policy.tiers, daily: { retentionDays: 1, lock: "none" } } }),
  });
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await execute(sharedPostgres(17).superuserUrl(), `drop database ${name} with (force)`);
});

/** Starts a backup; resolves when its own code runs, so that no kill is wasted on loading modules. */
async function begin(): Promise<{ child: ChildProcess; ended: Promise<unknown[]> }> {
  const child = spawn(process.execPath, [runner], { env: lab.env(url), stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  await Promise.race([once(child.stdout, "data"), ended]);
  return { child, ended };
}

async function complete(): Promise<number> {
  const begun = performance.now();
  const { ended } = await begin();
  expect(await ended).toEqual([0, null]);
  return performance.now() - begun;
}

async function everyVisibleSetIsWhole(): Promise<void> {
  const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
  for (const { tier, set } of (await listSets(lab.vault)).slice(0, 3)) {
    const { findings } = await verifySet(lab.vault, { tier, set }, options, silentLog);
    expect(findings.filter(({ code }) => code !== "object-unlocked")).toEqual([]);
  }
}

async function nothingIsLeftOver(): Promise<void> {
  expect(await unfinishedUploads(lab.vault.transport, "database/")).toEqual([]);
  const sets = (await listSets(lab.vault)).map(({ tier, set }) => `database/${tier}/${set}/`);
  for await (const { versions } of versionPages(lab.vault.transport, "database/")) {
    for (const { key } of versions) expect(sets.some((prefix) => key.startsWith(prefix))).toBe(true);
  }
}

test(`killed at ${kills} random moments, no set becomes visible that is not whole, and the next run is clean`, async () => {
  await complete();
  let whole = await complete();
  let landed = 0;
  // Moments after the end prove nothing: they are not counted, and the next ones come sooner.
  for (let attempt = 1; landed < kills && attempt <= 4 * kills; attempt += 1) {
    const { child, ended } = await begin();
    await delay(Math.random() * whole);
    child.kill("SIGKILL");
    const [code] = await ended;
    if (code === 0) whole *= 0.95;
    else landed += 1;
    await everyVisibleSetIsWhole();
    if (attempt % 20 === 0) {
      whole = Math.max(whole, await complete());
      await everyVisibleSetIsWhole();
      await nothingIsLeftOver();
    }
  }
  expect(landed).toBe(kills);
}, 900_000);
