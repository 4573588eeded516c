import { reportKey } from "../../../actions/lib/operations/publish/vault-reports.ts";
import type { RunReport } from "../../../actions/lib/report/run/run-report.ts";
import { type SignBytes, writeNote } from "../../../actions/lib/seal/keys/signature.ts";
import { reportOf } from "../../unit/simulated-runs.ts";
import { type ForgedRow, type Forger, forgedWords, markKey, type Reader } from "./forged-words-scene.ts";
import type { Outcome } from "./row.ts";

const row = (
  stage: Reader,
  kind: string,
  inject: (forger: Forger) => Promise<unknown>,
  outcome: Outcome = "success",
  code?: string,
): ForgedRow => ({
  ...{ stage, kind, outcome, holder: "writes the bucket" },
  inject: async (forger) => void (await inject(forger)),
  ...(code !== undefined && { code }),
});

const byName = "failed by name";
const untrusted = "manifest-untrusted";
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
/** As a set of a far future would be called. */
const future = "database/daily/20991231T235959Z-1a2b3c4d/";

async function bodyOf({ vault }: Forger, key: string): Promise<Buffer> {
  return Buffer.from((await vault.get(key)).body);
}

/** A manifest and its signature, laid somewhere. */
async function lay({ put }: Forger, at: string, manifest: Uint8Array, signature: Uint8Array): Promise<void> {
  await put(`${at}manifest.json.sig`, signature);
  await put(`${at}manifest.json`, manifest);
}

async function layOwn(forger: Forger, at: string, manifest: Uint8Array): Promise<void> {
  await lay(forger, at, manifest, Buffer.from(await forger.ownSignature(manifest)));
}

async function copy(forger: Forger, from: string, to: string): Promise<void> {
  const name = (at: string) => bodyOf(forger, `${at}manifest.json`);
  await lay(forger, to, await name(from), await bodyOf(forger, `${from}manifest.json.sig`));
}

/** What makes a manifest that is newer than ours, of one kind or another, each with what a reader must come to. */
const manifests: readonly (readonly [string, (forger: Forger) => Promise<unknown>])[] = [
  [
    "a manifest of another project's vault, with its signature",
    async (of) => layOwn(of, future, await bodyOf(of, `${of.newest}manifest.json`)),
  ],
  ["the signed manifest of another set", (of) => copy(of, of.newest, future)],
  [
    "an older signed manifest in another tier",
    (of) => copy(of, of.older, of.older.replace("weekly", "daily").replace("2026", "2027")),
  ],
  ["a manifest of a far future, unsigned", ({ put }) => put(`${future}manifest.json`, json({ set: "x" }))],
  ["a manifest without a byte", (of) => lay(of, future, Buffer.alloc(0), Buffer.alloc(0))],
  [
    "keys twice, the second one false",
    async (of) => {
      const text = (await bodyOf(of, `${of.newest}manifest.json`)).toString("utf8");
      const twice = Buffer.from(text.replace("{", '{ "set": "20991231T235959Z-1a2b3c4d",'));
      await lay(of, future, twice, await bodyOf(of, `${of.newest}manifest.json.sig`));
    },
  ],
  [
    "numbers that are too great, and negative ones",
    (of) => layOwn(of, future, Buffer.from('{"format":"lifeboat-set/2","counts":{"tables":1e400,"rows":"-1"}}')),
  ],
  ["a nesting of a million", (of) => layOwn(of, future, Buffer.from("[".repeat(1_000_000)))],
  [
    "two signatures, the first one ours",
    async (of) => {
      const bytes = await bodyOf(of, `${of.newest}manifest.json`);
      const ours = await bodyOf(of, `${of.newest}manifest.json.sig`);
      await lay(of, future, bytes, Buffer.concat([ours, Buffer.from(await of.ownSignature(bytes))]));
    },
  ],
  ["a signature of a megabyte", (of) => lay(of, future, json({}), Buffer.alloc(1024 * 1024, "x"))],
];

/** What is named nearly as ours is, and is nobody's. */
const names: readonly (readonly [string, string])[] = [
  ["digits that look like digits", "database/daily/２０991231T235959Z-1a2b3c4d/manifest.json"],
  ["letters that look like letters", "database/daily/20991231Т235959Z-1a2b3c4d/manifest.json"],
  ["an id in upper case", "database/daily/20991231T235959Z-1A2B3C4D/manifest.json"],
  ["an id with more behind it", "database/daily/20991231T235959Z-1a2b3c4d.old/manifest.json"],
  ["a folder in a folder", "database/daily/x/20991231T235959Z-1a2b3c4d/manifest.json"],
  ["a manifest with more behind its name", `${future}manifest.json.json`],
  ["a file that is called like a set", "database/daily/20991231T235959Z-1a2b3c4d"],
];

const lease = "leases/backup-database.json";
const dead = {
  ...{ format: "lifeboat-lease/1", state: "held", holder: "nobody", since: "2020-01-01T00:00:00Z" },
  ...{ process: { pid: 1, host: "gone", started: "0" }, renewals: 0, token: "x" },
};
const mark = { format: "lifeboat-upkeep/1", at: "2026-11-24T11:00:00Z" } as const;

const megabyte = Buffer.alloc(1024 * 1024, "x");
const today = "2026-11-24T11:30:00.000Z";

/** A report of a restore that never was. */
function forgedReport(conclusion: "success" | "failure"): RunReport {
  const failure =
    conclusion === "success"
      ? null
      : { code: "restore-failed", message: forgedWords, next: forgedWords, runbook: "README.md" };
  return reportOf({
    ...{ runId: "666", at: today, conclusion },
    operation: { operation: "restore", conclusion, failure, sentence: forgedWords, facts: { restoreSeconds: 1 } },
  });
}

async function report({ put }: Forger, told: RunReport, sign?: SignBytes): Promise<void> {
  await put(reportKey(told), await writeNote(told, sign));
}

export const forgedWordsRows: readonly ForgedRow[] = [
  ...manifests.flatMap(([kind, inject]) => [
    row("latest", kind, inject, byName, untrusted),
    row("standing", kind, inject),
  ]),
  row("list", "the signed manifest of another set", (of) => copy(of, of.newest, future), "damage named"),
  ...names.map(([kind, key]) => row("list", kind, ({ put }) => put(key, json({})))),
  row("latest", "hidden, and put back with the very bytes", async (of) => {
    const bytes = await bodyOf(of, `${of.newest}manifest.json`);
    await of.hide(`${of.newest}manifest.json`);
    await of.put(`${of.newest}manifest.json`, bytes);
  }),
  row(
    "latest",
    "hidden, and put back with an older set's",
    async (of) => {
      const bytes = await bodyOf(of, `${of.older}manifest.json`);
      await of.hide(`${of.newest}manifest.json`);
      await of.put(`${of.newest}manifest.json`, bytes);
    },
    byName,
    untrusted,
  ),
  row("standing", "a snapshot of the files that nobody signed", ({ put }) =>
    put("snapshots/20991231T235959Z-1a2b3c4d/manifest.json", json({})),
  ),
  row("standing", "a set's signed manifest among the snapshots of the files", (of) =>
    copy(of, of.newest, of.newest.replace("database/daily/", "snapshots/")),
  ),
  row("standing", "a proof that nobody signed", ({ put, newest }) =>
    put(`proofs/${newest.split("/")[2]}/20991231T235959Z-1a2b3c4d.json`, json({ outcome: "proven" })),
  ),
  row("standing", "a set's signed manifest among the proofs", async (of) => {
    const at = `proofs/${of.newest.split("/")[2]}/20991231T235959Z-1a2b3c4d.json`;
    await of.put(`${at}.sig`, await bodyOf(of, `${of.newest}manifest.json.sig`));
    await of.put(at, await bodyOf(of, `${of.newest}manifest.json`));
  }),
  row(
    "lease",
    "a lease that would be held for ever",
    ({ put }) => put(lease, json({ ...dead, ttlSeconds: 1e15 })),
    byName,
    "lease-unreadable",
  ),
  row(
    "lease",
    "a lease of somebody dead, for a day",
    ({ put }) => put(lease, json({ ...dead, ttlSeconds: 86_400 })),
    byName,
    "lease-held|lease-unreadable",
  ),
  row("lease", "a lease that is no JSON", ({ put }) => put(lease, Buffer.from("{")), byName, "lease-unreadable"),
  row("lease", "a lease of a megabyte", ({ put }) => put(lease, Buffer.alloc(1024 * 1024, "x")), byName),
  row("retention mark", "a mark that nobody signed", async ({ put }) => put(markKey, await writeNote(mark, undefined))),
  row("retention mark", "a mark that a stranger signed", async ({ put, ownSignature }) =>
    put(markKey, await writeNote(mark, ownSignature)),
  ),
  row("retention mark", "our mark of a month ago", ({ put, oldMark }) => put(markKey, oldMark)),
  row("retention mark", "another note of ours as the mark", ({ put, otherNote }) => put(markKey, otherNote)),
  row("retention mark", "a delete marker over the mark", ({ hide }) => hide(markKey)),
  row("retention mark", "a set's signed manifest as the mark", async (of) => {
    const document = (await bodyOf(of, `${of.newest}manifest.json`)).toString("utf8");
    const signature = (await bodyOf(of, `${of.newest}manifest.json.sig`)).toString("utf8");
    await of.put(markKey, json({ format: "lifeboat-note/1", document, signature }));
  }),
  row("retention mark", "a mark of a megabyte", ({ put }) => put(markKey, megabyte)),
  row("reports", "a report of a megabyte", ({ put }) => put(reportKey(forgedReport("failure")), megabyte)),
  row("reports", "a success that nobody signed", (of) => report(of, forgedReport("success"))),
  row("reports", "a success that a stranger signed", (of) => report(of, forgedReport("success"), of.ownSignature)),
  row("reports", "a failure in the attacker's words", (of) => report(of, forgedReport("failure"))),
  row("reports", "a link that leads to a script", async ({ put }) => {
    const told = forgedReport("failure");
    await put(reportKey(told), json({ ...told, run: { ...told.run, url: "javascript:alert(1)" } }));
  }),
  row("reports", "our report with another run in it", async (of) => {
    const text = (await bodyOf(of, of.report)).toString("utf8");
    const other = text.replace('\\"runId\\": \\"1\\"', '\\"runId\\": \\"2\\"');
    await of.put(of.report.replace("Z-1-1-", "Z-2-1-"), Buffer.from(other));
  }),
  row("reports", "our report once more, as if it were of another hour", async (of) =>
    of.put(of.report.replace("T120000Z", "T113000Z"), await bodyOf(of, of.report)),
  ),
  row("reports", "our report once more, as if it were of another run", async (of) =>
    of.put(of.report.replace("Z-1-1-", "Z-2-1-"), await bodyOf(of, of.report)),
  ),
  row("reports", "a nesting of fifty thousand", ({ put }) =>
    put(reportKey(forgedReport("failure")), Buffer.from("[".repeat(50_000))),
  ),
  row("reports", "a set's signed manifest as a report", async (of) => {
    const document = (await bodyOf(of, `${of.newest}manifest.json`)).toString("utf8");
    const signature = (await bodyOf(of, `${of.newest}manifest.json.sig`)).toString("utf8");
    await of.put(reportKey(forgedReport("success")), json({ format: "lifeboat-note/1", document, signature }));
  }),
];
