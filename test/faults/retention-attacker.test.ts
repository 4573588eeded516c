import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { explainSet } from "../../actions/lib/operations/retention/explain.ts";
import { noteRemoval } from "../../actions/lib/operations/retention/removal-note.ts";
import { lockObject, retainUntil } from "../../actions/lib/vault/bucket/lock.ts";
import { type Manifest, newSetId, setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { openRetentionVault, type RetentionVault } from "../integration/retention-vault.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { withChangedList } from "./proxy/changed-list.ts";
import { storeUnpublished } from "./proxy/test-manifest.ts";
import { openBucketAttacker } from "./table/bucket-attacker.ts";

/** What somebody who may write the bucket, and holds no key, gets retention to let go of: nothing. */

async function attack(lab: RetentionVault, work: (by: ReturnType<typeof openBucketAttacker>) => Promise<void>) {
  const client = sharedS3().client();
  await work(openBucketAttacker(lab.vault, client));
  client.destroy();
}

test.each(["manifest.json", "manifest.json.sig", "schema.dump.zst.pgp"])(
  "who writes %s of the newest proven and of the newest verified set again makes neither of them go",
  async (name) => {
    using lab = await openRetentionVault();
    const sets = await lab.lay({ hours: 12 }, { hours: 11 }, { hours: 10 }, { tier: "weekly", hours: 9 });
    const [old = "", proven = "", verified = "", fresh = ""] = sets;
    await lab.proof({ tier: "daily", set: proven }, "proven");
    await attack(lab, async (by) => {
      for (const set of [proven, verified]) {
        const key = setPrefix("daily", set) + name;
        await by.put(key, (await lab.vault.get(key)).body);
      }
    });
    const done = await lab.retention(8);
    expect(done.database?.alarms.join(" ")).toMatch(/written again/);
    const decision = done.database?.plan.plan.decisions.find(({ set }) => set === proven);
    expect(decision?.why).toMatch(/written parts of it again/);
    // The one before them is the newest good one now.
    expect([...new Set(await lab.sets())]).toEqual([
      `daily/${old}`,
      `daily/${proven}`,
      `daily/${verified}`,
      `weekly/${fresh}`,
    ]);
  },
);

test("keys that were sealed anew for other recipients keep no set beyond its term", async () => {
  using lab = await openRetentionVault();
  const [old = "", newest = ""] = await lab.lay({ hours: 12 }, { hours: 11 });
  await attack(lab, (by) => by.replace(`${setPrefix("daily", old)}keys.pgp`));
  await lab.retention(8);
  expect(await lab.sets()).toEqual([`daily/${newest}`]);
});

test("a record that somebody hid stays beyond its term, and is an alarm", async () => {
  using lab = await openRetentionVault();
  await lab.lay({ hours: 5 });
  const [hidden, free] = ["reports/2026/01/01/x.json", "reports/2026/01/01/y.json"];
  for (const key of [hidden, free]) await lab.vault.put(key, Buffer.from("{}"));
  await attack(lab, (by) => by.hide(hidden));
  const done = await lab.retention(401);
  expect(done.database?.alarms.join(" ")).toContain(hidden);
  expect(await lab.keys("reports/")).toEqual([hidden]);
});

test("a restore test that passed by a clock a year ahead hides none of those that fail now", async () => {
  using lab = await openRetentionVault();
  const [first = "", second = ""] = await lab.lay({ hours: 11 }, { hours: 10 }, { hours: 9 });
  const policy = lab.policy((base) => ({
    ...base,
    retention: { ...base.retention, staleProofDays: 45 },
    restoreTest: { ...base.restoreTest, projectRef: "abcdefghijklmnopqrst" },
  }));
  await lab.proof({ tier: "daily", set: second }, "proven", 365);
  const unproven = await lab.retention(6, { policy });
  expect(unproven.database?.plan.plan.heldBack).toBe("no set has been proven by a restore test yet");
  await lab.proof({ tier: "daily", set: first }, "failed", 5);
  const failing = await lab.retention(6, { policy });
  expect(failing.database?.plan.plan.heldBack).toMatch(/the newest restore test failed/);
  expect(await lab.sets()).toHaveLength(3);
});

test("a set whose keys of Vault's secrets are gone counts as no good one", async () => {
  using lab = await openRetentionVault();
  const secrets = {
    recipients: [{ role: "operations", fingerprint: "A".repeat(40) }],
    sessionKeyCommitment: "0".repeat(64),
  };
  const withSecrets = (manifest: Manifest): Manifest => ({ ...manifest, sealing: { ...manifest.sealing, secrets } });
  const [older = "", newer = ""] = await lab.lay({ hours: 12 }, { hours: 11, change: withSecrets });
  // As long as they are there it is the newest good one, and the one before it may go.
  const key = `${setPrefix("daily", newer)}secrets.pgp`;
  await lab.vault.put(key, Buffer.from("keys"));
  const whole = await lab.retention(8, { dryRun: true });
  expect(whole.database?.alarms).toEqual([]);
  await deleteVersions(lab.vault.transport, await versionsBelow(lab.vault.transport, key));
  const done = await lab.retention(8);
  expect(done.database?.alarms.join(" ")).toMatch(
    new RegExp(`set ${newer} \\(daily\\) is not whole: secrets.pgp is gone`),
  );
  expect(await lab.sets()).toContain(`daily/${older}`);
});

test("so many forged proofs that a failed one is out of sight keep everything, and are an alarm", async () => {
  using lab = await openRetentionVault();
  const [set = ""] = await lab.lay({ hours: 12 }, { hours: 11 });
  const policy = lab.policy((base) => ({
    ...base,
    retention: { ...base.retention, staleProofDays: 45 },
    restoreTest: { ...base.restoreTest, projectRef: "abcdefghijklmnopqrst" },
  }));
  await lab.proof({ tier: "daily", set }, "failed", 1);
  await lab.proof({ tier: "daily", set }, "proven");
  // A thousand from before ours, and a thousand from after: nobody reads what lies between.
  const junk = (year: number) =>
    Array.from({ length: 1000 }, () => `proofs/${set}/${newSetId(new Date())}.json`)
      .flatMap((key) => [key, `${key}.sig`])
      .map((Key) => ({ Key, Size: 2, IsLatest: true, LastModified: new Date(Date.UTC(year, 0)) }));
  const vault = withChangedList(lab.vault, "proofs/", (own) => [...own, ...junk(2020), ...junk(2100)]);
  const done = await lab.retention(8, { policy, vault });
  expect(done.database?.plan.plan.heldBack).toMatch(/more proofs than restore tests make/);
  expect(done.database?.alarms.join(" ")).toMatch(
    /ALARM: there are more proofs than restore tests make.*2 proofs were not read/,
  );
  expect(await lab.sets()).toHaveLength(2);
});

test("while nothing may go, what leases have left stays as well", async () => {
  using lab = await openRetentionVault();
  await lab.lay({ hours: 5 });
  const key = "leases/other.json";
  for (const body of ["1", "2"]) await lab.vault.put(key, Buffer.from(body));
  const now = new Date();
  await lab.retention(0, { now, storeTime: async () => new Date(now.getTime() + 3_600_000) });
  expect(await lab.keys(key)).toEqual([key, key]);
  await lab.retention(0);
  expect(await lab.keys(key)).toEqual([key]);
});

test.each(["hides", "replaces"] as const)(
  "who %s the manifests that announced a longer term does not make a shorter one count at once",
  async (how) => {
    using lab = await openRetentionVault();
    const long = (manifest: Manifest): Manifest => ({
      ...manifest,
      policy: { terms: { daily: 60, weekly: 60, monthly: 60 } },
    });
    const [old = "", covered = "", fresh = ""] = await lab.lay(
      // The policy was short once, and that was announced for long.
      { hours: 12 },
      { hours: 11, announcedAfter: 7, change: long },
      { tier: "weekly", hours: 10 },
    );
    await attack(lab, async (by) => {
      const key = `${setPrefix("daily", covered)}manifest.json`;
      await (how === "hides" ? by.hide(key) : by.replace(key));
    });
    const done = await lab.retention(8);
    expect(done.database?.plan.pending).toMatchObject([
      { tier: "daily", from: 60, to: 5 },
      { tier: "weekly" },
      { tier: "monthly" },
    ]);
    expect(await lab.sets()).toEqual(expect.arrayContaining([`daily/${old}`, `daily/${covered}`, `weekly/${fresh}`]));
  },
);

describe("who deletes the manifest of a set, with a stolen role and after its lock, has nobody finish the work:", () => {
  const all = ["manifest.json", "manifest.json.sig"];

  async function theft(names: readonly string[], more: (lab: RetentionVault, set: string) => Promise<unknown>) {
    const lab = await openRetentionVault();
    const [victim = ""] = await lab.lay({ hours: 12 }, { hours: 11 }, { hours: 10 });
    await more(lab, victim);
    const prefix = setPrefix("daily", victim);
    const versions = await versionsBelow(lab.vault.transport, prefix);
    const stolen = versions.filter(({ key }) => names.includes(key.slice(prefix.length)));
    expect((await deleteVersions(lab.vault.transport, stolen)).deleted).toBe(names.length);
    return { lab, victim, prefix, left: await lab.keys(prefix) };
  }
  const announce = (lab: RetentionVault, set: string) =>
    noteRemoval(lab.vault, Date.now(), { sets: [{ tier: "daily", set }], snapshots: [] });
  /** For a moment. */
  const lock = async (lab: RetentionVault, set: string): Promise<void> => {
    const until = retainUntil(new Date(Date.now() + 3000), 0);
    await lockObject(lab.vault, `${setPrefix("daily", set)}keys.pgp`, until);
    await sleep(until.getTime() - Date.now() + 1100);
  };

  test.each([
    ["its signature is there still", ["manifest.json"], async () => {}],
    ["its keys were locked once", all, lock],
    ["a proof is about it", all, (lab: RetentionVault, set: string) => lab.proof({ tier: "daily", set }, "proven")],
    ["a record is forged", ["manifest.json"], announce],
  ] as const)("%s", async (_, names, more) => {
    const { lab, victim, prefix, left } = await theft(names, more);
    using _lab = lab;
    const done = await lab.retention(3);
    expect(done.database?.alarms.join(" ")).toMatch(
      new RegExp(`published once, and their manifests deleted, and not by Lifeboat: 1 set \\(${victim}\\)`),
    );
    expect(await lab.keys(prefix)).toEqual(left);
    const { lines } = explainSet(await lab.retention(3, { explain: victim, dryRun: true }), victim);
    expect(lines?.join(" ")).toMatch(/was deleted, and not by Lifeboat/);
  });

  test("beyond its term it goes where retention's own record announces it, and stays where nothing does", async () => {
    for (const announced of [true, false]) {
      const { lab, prefix, left } = await theft(["manifest.json"], announced ? announce : async () => {});
      using _lab = lab;
      const done = await lab.retention(8);
      expect(await lab.keys(prefix)).toEqual(announced ? [] : left);
      expect(done.database?.alarms.length).toBe(announced ? 0 : 1);
    }
  });

  test("a good set that is newer has to be there, or what is left of the last one stays", async () => {
    const { lab, prefix, left } = await theft(["manifest.json"], announce);
    using _lab = lab;
    for (const one of await lab.sets()) {
      const key = `database/${one}/manifest.json.sig`;
      await deleteVersions(lab.vault.transport, await versionsBelow(lab.vault.transport, key));
    }
    // Of another tier, so that backups do not count as failing.
    await lab.lay({ tier: "weekly" });
    await lab.retention(8);
    expect(await lab.keys(prefix)).toEqual(left);
  });

  test("what a run left that died before it signed anything goes after a day", async () => {
    using lab = await openRetentionVault();
    await lab.lay({ hours: 5 });
    const set = newSetId(new Date());
    await storeUnpublished(lab.vault, "daily", set);
    await lab.retention(2);
    expect(await lab.keys(setPrefix("daily", set))).toEqual([]);
  });
});
