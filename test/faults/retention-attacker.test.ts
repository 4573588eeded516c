import { expect, test } from "vitest";
import { type Manifest, setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { openRetentionVault, type RetentionVault } from "../integration/retention-vault.ts";
import { sharedS3 } from "../lab/servers/started.ts";
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
