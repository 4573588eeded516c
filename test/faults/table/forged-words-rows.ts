import { writeNote } from "../../../actions/lib/seal/keys/signature.ts";
import type { ForgedRow, Forger, Reader } from "./forged-words-scene.ts";
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
    (of) => layOwn(of, future, Buffer.from('{"format":"lifeboat-set/1","counts":{"tables":1e400,"rows":"-1"}}')),
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
const claim = { format: "lifeboat-summary/1", day: "2026-11-24", state: "claimed" } as const;
const mark = { format: "lifeboat-upkeep/1", at: "2026-11-24T11:00:00Z" } as const;

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
  row(
    "summary claim",
    "a claim of a megabyte",
    ({ put }) => put("notify/summaries/2026-11-24.json", Buffer.alloc(1024 * 1024, "x")),
    byName,
    "s3-too-large",
  ),
  row("summary claim", "a claim that a stranger signed", async ({ put, ownSignature }) =>
    put("notify/summaries/2026-11-24.json", await writeNote(claim, ownSignature)),
  ),
  row("upkeep mark", "a mark that a stranger signed", async ({ put, ownSignature }) =>
    put("upkeep/done.json", await writeNote(mark, ownSignature)),
  ),
  row("upkeep mark", "a set's signed manifest as the mark", async (of) => {
    const document = (await bodyOf(of, `${of.newest}manifest.json`)).toString("utf8");
    const signature = (await bodyOf(of, `${of.newest}manifest.json.sig`)).toString("utf8");
    await of.put("upkeep/done.json", json({ format: "lifeboat-note/1", document, signature }));
  }),
  row("upkeep mark", "a mark of a megabyte", ({ put }) => put("upkeep/done.json", Buffer.alloc(1024 * 1024, "x"))),
  row("reports", "a report of a megabyte", ({ put }) =>
    put("reports/2026/11/24/20261124T110000Z-1-1-backup-backup-1a2b3c4d.json", Buffer.alloc(1024 * 1024, "x")),
  ),
  row("reports", "a set's signed manifest as a report", async (of) => {
    const document = (await bodyOf(of, `${of.newest}manifest.json`)).toString("utf8");
    const signature = (await bodyOf(of, `${of.newest}manifest.json.sig`)).toString("utf8");
    await of.put(
      "reports/2026/11/24/20261124T110000Z-1-1-backup-backup-1a2b3c4d.json",
      json({ format: "lifeboat-note/1", document, signature }),
    );
  }),
];
