import { expect, test } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { mapBounded } from "../../actions/lib/base/flow/bounded.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { mostAtOnce } from "../../actions/lib/operations/retention/plan-sets.ts";
import { setLegalHold } from "../../actions/lib/vault/bucket/legal-hold.ts";
import { manifestSchema, newSetId, setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { checkHolds, quarterOf } from "../../actions/lib/vault/holds/check.ts";
import { readAllHolds } from "../../actions/lib/vault/holds/objects.ts";
import { placeHold } from "../../actions/lib/vault/holds/place.ts";
import { readHolds, whyHeld } from "../../actions/lib/vault/holds/register.ts";
import { releaseHolds } from "../../actions/lib/vault/holds/release.ts";
import { announceUse } from "../../actions/lib/vault/holds/uses.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { encodeManifest } from "../../actions/lib/vault/sets/catalogue.ts";
import { openRetentionVault, type RetentionVault } from "./retention-vault.ts";

/** What retention does with what is held and what is in use, over a store that enforces legal holds. */

const day = 86_400_000;

const vaultsOf = ({ vault }: RetentionVault) => ({ database: vault, files: null, replica: null });

async function hold(lab: RetentionVault, set: string, until: string | null = null) {
  const subject = { kind: "database", tier: "daily", set, files: null } as const;
  const common = { format: "lifeboat-hold/1", event: "begin", id: newSetId(new Date()), by: "a test" } as const;
  const begin = { ...common, at: new Date().toISOString(), subject, reason: "a lawyer asked", until };
  const parts = await placeHold(begin, { vaults: vaultsOf(lab), verify: lab.verify, sign: lab.sign });
  expect(parts.flatMap(({ failed }) => failed)).toEqual([]);
  return begin;
}

/** SeaweedFS counts a legal hold as a change, so that a set that was held would be the one that was stored last. */
async function storeLast({ vault }: RetentionVault, set: string): Promise<void> {
  const manifest = { key: `${setPrefix("daily", set)}manifest.json`, versionId: undefined };
  for (const status of ["on", "off"] as const) await setLegalHold(vault, manifest, status);
}

const whyOf = ({ database }: Awaited<ReturnType<RetentionVault["retention"]>>, set: string): string | undefined =>
  database?.plan.plan.decisions.find((one) => one.set === set)?.why;

test("a held set stays whatever its age and whatever the policy becomes, and goes when it is released", async () => {
  using lab = await openRetentionVault();
  const [held = "", free = "", newest = ""] = await lab.lay({ hours: 5 }, { hours: 4 }, { hours: 3 });
  await hold(lab, held);
  const shorter = lab.policy((policy) => ({
    ...policy,
    tiers: { ...policy.tiers, daily: { retentionDays: 1, lock: "none" } },
  }));
  for (const policy of [lab.policy(), shorter]) {
    const done = await lab.retention(400, { policy });
    expect(whyOf(done, held)).toContain("a lawyer asked");
    expect(done.alarms).toEqual([]);
    expect(await lab.sets()).toEqual([`daily/${held}`, `daily/${newest}`].toSorted());
  }
  expect(free).not.toBe("");
  const options = { vaults: vaultsOf(lab), verify: lab.verify, sign: lab.sign, reason: "over", by: "a test" };
  await releaseHolds(held, options);
  await storeLast(lab, newest);
  await lab.retention(400);
  expect(await lab.sets()).toEqual([`daily/${newest}`]);
  expect(await lab.keys(setPrefix("daily", held))).toEqual([]);
});

test("a release in whose middle an incident begins lifts no further hold, and one that begins before it ends nothing", async () => {
  using lab = await openRetentionVault();
  const [held = ""] = await lab.lay({ hours: 5 }, { hours: 4 });
  await hold(lab, held);
  const options = { vaults: vaultsOf(lab), verify: lab.verify, sign: lab.sign, reason: "over", by: "a test" };
  let asked = 0;
  const from = (first: number) => async (): Promise<void> => {
    if (++asked >= first) throw new OperationError("incident-on", "Stopped: an incident is on.");
  };
  await expect(releaseHolds(held, { ...options, gate: from(1) })).rejects.toMatchObject({ code: "incident-on" });
  expect(whyHeld(await readHolds(lab.vault, lab.verify), held)).toContain("a lawyer asked");

  asked = 0;
  await expect(releaseHolds(held, { ...options, gate: from(2) })).rejects.toMatchObject({ code: "incident-on" });
  const heads = await Promise.all((await lab.keys(setPrefix("daily", held))).map((key) => lab.vault.head(key)));
  expect(heads.length).toBeGreaterThan(0);
  expect(heads.map((head) => head?.legalHold)).toEqual(heads.map(() => "on"));
  // Run again after its end, it finishes.
  const { parts } = await releaseHolds(held, options);
  expect(parts.reduce((sum, { changed }) => sum + changed, 0)).toBeGreaterThan(0);
});

test("the store's hold alone, without an entry, keeps a set whole: nothing of it is asked for, and it is an alarm", async () => {
  using lab = await openRetentionVault();
  const [old = "", newest = ""] = await lab.lay({ hours: 5 }, { hours: 3 });
  for (const version of await versionsBelow(lab.vault.transport, setPrefix("daily", old)))
    await setLegalHold(lab.vault, version, "on");
  await storeLast(lab, newest);
  const done = await lab.retention(400);
  expect(done.database?.removals).toMatchObject({ removed: [], deleted: 0, whole: [{ set: old }] });
  expect(done.alarms).toEqual([
    expect.stringContaining(`without an entry in the register of holds, and not by Lifeboat: 1 set (${old})`),
  ]);
  expect(await lab.sets()).toEqual([`daily/${old}`, `daily/${newest}`].toSorted());
});

test("a set that somebody is reading stays for a day, and the reason is told", async () => {
  using lab = await openRetentionVault();
  const [used = "", newest = ""] = await lab.lay({ hours: 5 }, { hours: 3 });
  using _use = await announceUse(lab.vault, { set: used, operation: "restore" }, silentLog);
  const done = await lab.retention(400);
  expect(whyOf(done, used)).toMatch(/it is in use since .* restore/);
  expect(await lab.sets()).toEqual([`daily/${used}`, `daily/${newest}`].toSorted());
});

test("what is needed takes no other's turn, where more sets are over than go in one run", async () => {
  using lab = await openRetentionVault();
  const [model = "", free = ""] = await lab.lay({ hours: 12 }, { hours: 11 }, { hours: 10 });
  const { body } = await lab.vault.get(`${setPrefix("daily", model)}manifest.json`);
  const manifest = manifestSchema.parse(JSON.parse(Buffer.from(body).toString("utf8")));
  const used = Array.from({ length: mostAtOnce + 10 }, (_, place) =>
    newSetId(new Date(Date.now() - day - place * 1000)),
  );
  await mapBounded(used, 16, async (set) => {
    const bytes = encodeManifest({ ...manifest, set });
    const key = `${setPrefix("daily", set)}manifest.json`;
    await lab.vault.put(`${key}.sig`, Buffer.from(await lab.sign(bytes)));
    await lab.vault.put(key, bytes);
    await lab.vault.put(`uses/${set}/${newSetId(new Date())}.json`, Buffer.from("{}"));
  });
  const done = await lab.retention(8, { dryRun: true });
  expect(whyOf(done, used[0] ?? "")).toBe("it is in use");
  expect(whyOf(done, free)).toMatch(/newer good ones stay/);
}, 120_000);

test("each run looks at the manifests and keys of what is held and at another quarter of the rest; four weeks see all", async () => {
  using lab = await openRetentionVault();
  const [held = ""] = await lab.lay({ hours: 5 });
  await hold(lab, held);
  const options = { vaults: vaultsOf(lab), verify: lab.verify };
  const register = await readAllHolds(options.vaults, lab.verify);
  const week = 7 * 86_400_000;
  const quarters = [0, 1, 2, 3].map((weeks) => quarterOf(new Date(Date.now() + weeks * week)));
  expect(quarters.toSorted()).toEqual([0, 1, 2, 3]);
  const asked = await Promise.all(quarters.map(async (one) => (await checkHolds(register, one, options)).asked));
  const all = (await checkHolds(register, "all", options)).asked;
  const core = (await checkHolds(register, "core", options)).asked;
  // Three of the set and its entry, each time; the artifact in one of four.
  expect([all, core, asked.toSorted()]).toEqual([5, 4, [4, 4, 4, 5]]);

  const [artifact] = await versionsBelow(lab.vault.transport, `${setPrefix("daily", held)}schema.dump`);
  await setLegalHold(lab.vault, artifact ?? { key: "", versionId: "" }, "off");
  const told = await Promise.all(
    [0, 7, 14, 21].map(async (days) => (await lab.retention(days, { dryRun: true })).alarms),
  );
  expect(told.filter((alarms) => alarms.length > 0)).toEqual([[expect.stringContaining("without their legal hold")]]);
});
