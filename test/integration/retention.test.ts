import { expect, test } from "vitest";
import type { VaultsRetention } from "../../actions/lib/operations/retention/apply-retention.ts";
import { explainSet } from "../../actions/lib/operations/retention/explain.ts";
import { reportRetention, retentionPage } from "../../actions/lib/operations/retention/page.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { lockObject } from "../../actions/lib/vault/bucket/lock.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { startHttpFaultProxy } from "../faults/proxy/http-proxy.ts";
import { openRetentionVault } from "./retention-vault.ts";

/** Database sets go by the policy, over a real store. Small sets of this hour; the clocks are moved. */

const day = 86_400_000;
const decisionsOf = ({ database }: VaultsRetention) =>
  new Map(database?.plan.plan.decisions.map((one) => [one.set, one]));

test("each tier's sets go when their term has ended, the newest of each tier and their proofs stay", async () => {
  using lab = await openRetentionVault();
  const [first = "", second = "", daily = ""] = await lab.lay({ hours: 5 }, { hours: 4 }, { hours: 3 });
  const [weekly = "", newWeekly = ""] = await lab.lay({ tier: "weekly", hours: 9 }, { tier: "weekly", hours: 8 });
  const [monthly = ""] = await lab.lay({ tier: "monthly", hours: 7 });
  const proof = await lab.proof({ tier: "daily", set: first }, "proven");
  expect((await lab.retention(4.7)).database?.removals).toMatchObject({ removed: [], deleted: 0 });
  const later = await lab.retention(6);
  expect(later.database?.removals?.removed).toEqual([{ tier: "daily", set: second }]);
  expect(decisionsOf(later).get(first)).toMatchObject({ keep: true, why: "it is the newest proven daily set" });
  expect(decisionsOf(later).get(daily)).toMatchObject({ keep: true, why: "it is the newest verified daily set" });
  expect((await lab.retention(400)).database?.removals?.removed).toEqual([{ tier: "weekly", set: weekly }]);
  expect(await lab.sets()).toEqual(
    [`daily/${first}`, `daily/${daily}`, `monthly/${monthly}`, `weekly/${newWeekly}`].toSorted(),
  );
  expect(await lab.keys(setPrefix("daily", second))).toEqual([]);
  // Its set stays, so the proof does, whatever its term.
  await lab.retention(3000);
  expect(await lab.keys("proofs/")).toEqual([proof, `${proof}.sig`]);
});

test("a rehearsal and an explanation change nothing, and say what would go and why", async () => {
  using lab = await openRetentionVault();
  const [old = "", newest = ""] = await lab.lay({ hours: 4 }, { hours: 3 });
  const before = await versionsBelow(lab.vault.transport, "");
  const done = await lab.retention(6, { dryRun: true });
  expect(renderText(retentionPage(done, true)).join("\n")).toMatch(/Dry run: 1 set .* would go; nothing was removed/);
  expect(explainSet(done, old).lines?.[0]).toMatch(
    /^Database set .* \(daily\) goes with the next run: daily sets are kept for 5 days, until \d{4}-.*, and newer good ones stay\.$/,
  );
  expect(explainSet(done, newest).lines?.join(" ")).toMatch(/stays: it is the newest verified daily set.*verified/);
  expect(() => explainSet(done, "20200101T000000Z-00000000")).toThrow(/There is no set/);
  expect(await versionsBelow(lab.vault.transport, "")).toEqual(before);
  const { result } = reportRetention(done, true);
  expect(result).toMatchObject({ database: { decisions: [{ keep: false }, { keep: true }] }, refusal: null });
});

test("sets that are not known to be verified push no good one out, whatever their number", async () => {
  using lab = await openRetentionVault();
  const [good = ""] = await lab.lay({ hours: 20 });
  const unread = Array.from({ length: 6 }, (_, index) => ({
    hours: 10 - index,
    change: ({ readBack: _, ...manifest }: Parameters<NonNullable<Parameters<typeof lab.lay>[0]["change"]>>[0]) =>
      manifest,
  }));
  const sets = await lab.lay(...unread);
  const [marked = ""] = await lab.lay({ hours: 2, change: (manifest) => ({ ...manifest, incident: "an incident" }) });
  await lab.retention(50);
  expect(await lab.sets()).toEqual([`daily/${good}`]);
  expect(sets.length + marked.length).toBeGreaterThan(6);
});

test("a set that lacks an object, or has another size, is an alarm and does not count; the one before it stays", async () => {
  using lab = await openRetentionVault();
  const [before = "", cut = "", gone = ""] = await lab.lay({ hours: 9 }, { hours: 8 }, { hours: 7 });
  const artifact = (set: string): string => `${setPrefix("daily", set)}schema.dump.zst.pgp`;
  const [version] = await versionsBelow(lab.vault.transport, artifact(gone));
  await deleteVersions(lab.vault.transport, [version ?? { key: "", versionId: "" }]);
  const [other] = await versionsBelow(lab.vault.transport, artifact(cut));
  await deleteVersions(lab.vault.transport, [other ?? { key: "", versionId: "" }]);
  await lab.vault.put(artifact(cut), Buffer.from("short"));
  const done = await lab.retention(6);
  expect(decisionsOf(done).get(before)).toMatchObject({ keep: true, why: "it is the newest verified daily set" });
  expect(done.database?.alarms.join(" ")).toMatch(/is gone.*has 5 bytes instead of 1000/);
  expect(reportRetention(done, false).failure).toMatchObject({ code: "vault-meddled" });
});

test("a term that is shortened counts when it was announced for three days, and is told until then", async () => {
  using lab = await openRetentionVault();
  const [old = ""] = await lab.lay({ hours: 9 });
  const shorter = lab.policy((policy) => ({
    ...policy,
    tiers: { ...policy.tiers, daily: { retentionDays: 2, lock: "none" } },
  }));
  const announcing = { policy: { terms: { daily: 2, weekly: 10, monthly: 30 } } };
  await lab.lay({ hours: 2, change: (manifest) => ({ ...manifest, ...announcing }) });
  const early = await lab.retention(2.9, { policy: shorter });
  expect(early.database?.removals?.removed).toEqual([]);
  expect(early.database?.plan.pending).toMatchObject([{ tier: "daily", from: 5, to: 2 }]);
  expect(renderText(retentionPage(early, false)).join("\n")).toMatch(
    /shortens the term of daily sets from 5 to 2 days/,
  );
  const late = await lab.retention(3.5, { policy: shorter });
  expect(late.database?.plan.pending).toEqual([]);
  expect(late.database?.removals?.removed).toEqual([{ tier: "daily", set: old }]);
});

test("a tier that no set has disturbs nobody, and a vault without any set neither", async () => {
  using lab = await openRetentionVault();
  expect(await lab.retention(1)).toMatchObject({
    database: { alarms: [], removals: { removed: [], finished: [] } },
    refusal: null,
  });
  await lab.lay({ hours: 5 }, { hours: 4 });
  expect((await lab.retention(6)).database?.removals?.removed).toHaveLength(1);
});

test("what a lock keeps is told with its date, and nobody asks for it before", async () => {
  using lab = await openRetentionVault();
  const [whole = "", old = ""] = await lab.lay({ hours: 20 }, { hours: 9 });
  const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 60 * day);
  const keys = `${setPrefix("daily", old)}keys.pgp`;
  await lockObject(lab.vault, keys, until);
  // A manifest's lock keeps the whole set.
  await lockObject(lab.vault, `${setPrefix("daily", whole)}manifest.json`, until);
  // Last: the lab's store changes an object's time when it locks it, and the plan looks at that time as well.
  const [newest = ""] = await lab.lay({ hours: 8 });
  await using proxy = await startHttpFaultProxy(lab.settings.endpoint);
  using vault = openVault({ ...lab.settings, endpoint: proxy.url });
  const first = await lab.retention(6, { vault });
  expect(first.database?.removals).toMatchObject({
    removed: [{ set: old }],
    unfinished: [{ set: old, kept: 1, keptUntil: until.getTime() }],
  });
  expect(renderText(retentionPage(first, false)).join("\n")).toContain(until.toISOString().slice(0, 10));
  expect(await lab.sets()).toEqual([`daily/${whole}`, `daily/${newest}`]);
  expect(await lab.keys(setPrefix("daily", old))).toEqual([keys]);
  const asked = proxy.answer({ method: "POST", url: /delete/, times: 1000, nth: 1000 }, 500, "InternalError");
  const second = await lab.retention(7, { vault });
  expect(asked.hits).toBe(0);
  expect(second.database?.removals).toMatchObject({ removed: [], unfinished: [{ set: old, kept: 1 }] });
  expect(decisionsOf(second).get(whole)).toMatchObject({ keep: true, beyond: "locked" });
  expect(explainSet(second, old).lines?.[0]).toMatch(/does not exist any more/);
});

test("records go by terms of their own, and what somebody hid stays and is an alarm", async () => {
  using lab = await openRetentionVault();
  await lab.lay({ hours: 5 });
  for (const key of ["reports/2026/01/01/x.json", "notify/summaries/2026-01-01.json", "uses/x/y.json", "other/z.json"])
    await lab.vault.put(key, Buffer.from("{}"));
  const orphan = `proofs/20200101T000000Z-00000000/20200102T000000Z-00000000.json`;
  await lab.vault.put(orphan, Buffer.from("{}"));
  const of = async (days: number) => (await lab.retention(days)).database?.records?.byPrefix;
  expect(await of(29)).toEqual({});
  expect(await of(31)).toEqual({ "uses/": 1 });
  expect(await of(91)).toEqual({ "notify/": 1 });
  expect(await of(401)).toMatchObject({ "reports/": 1 });
  expect(await of(2558)).toMatchObject({ "proofs/": 1 });
  expect(await lab.keys("other/")).toEqual(["other/z.json"]);
});

test("objects that are not ours stay in the folder of a set that went, and are named", async () => {
  using lab = await openRetentionVault();
  const [old = ""] = await lab.lay({ hours: 9 }, { hours: 8 });
  const stranger = `${setPrefix("daily", old)}notes.txt`;
  await lab.vault.put(stranger, Buffer.from("somebody's"));
  const done = await lab.retention(6);
  expect(done.database?.strangers).toEqual([stranger]);
  expect(await lab.keys(setPrefix("daily", old))).toEqual([stranger]);
  expect(renderText(retentionPage(done, false)).join("\n")).toContain(stranger);
});
