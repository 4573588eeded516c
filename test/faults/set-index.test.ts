import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { compareWithLast, indexOf } from "../../actions/lib/operations/backup/index-stage.ts";
import { runHistory } from "../../actions/lib/operations/history/run-history.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import type { Inventory, TableContent } from "../../actions/lib/postgres/inventory/model.ts";
import { hasherOf } from "../../actions/lib/postgres/rows/data-file.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import type { UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signingKey } from "../../actions/lib/vault/configured.ts";
import type { Manifest } from "../../actions/lib/vault/format/manifest.ts";
import { encodeTable, type IndexedTable, packBuckets } from "../../actions/lib/vault/sets/table-index.ts";
import { assembleSet } from "../integration/assembled-set.ts";
import { type BackupLab, openBackupLab } from "../integration/backup-lab.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { examRows, gradeRows, smallInventory, smallPieces } from "./small-set.ts";

/** The rows of each table of the small set, and a key for one of them. */
const rowsOf: Readonly<Record<string, readonly string[]>> = { exams: examRows, grades: gradeRows };
const inventory: Inventory = {
  ...smallInventory,
  tables: smallInventory.tables.map((table) => ({ ...table, key: table.name === "exams" ? ["id"] : null })),
};

function bucketsOf(table: TableContent): [string, Buffer][] {
  const hasher = hasherOf(table);
  hasher.push(Buffer.from((rowsOf[table.name] ?? []).join("")));
  const { buckets } = hasher.finish();
  return buckets === undefined ? [] : [[table.oid, packBuckets(buckets)]];
}

const trueIndex = (set: string) =>
  indexOf({ set, snapshotAt: "2026-11-30T00:00:00.000Z" }, inventory, {
    counted: undefined,
    buckets: new Map(inventory.tables.flatMap(bucketsOf)),
  });

/** The index of the small set, with what is changed in it. */
const linesOf =
  (change: (one: IndexedTable) => IndexedTable = (one) => one, head: object = {}) =>
  (set: string): string => {
    const index = trueIndex(set);
    return `${JSON.stringify({ ...index.head, ...head })}\n${index.tables.map(change).map(encodeTable).join("")}`;
  };
const changed = (of: string, change: Partial<IndexedTable>) =>
  linesOf((table) => (table.name === of ? { ...table, ...change } : table));

let lab: BackupLab;
let signing: UnlockedKey;
let config: Awaited<ReturnType<BackupLab["config"]>>;
const openLab = async () => {
  lab = await openBackupLab(sharedS3());
  config = await lab.config("postgres://nobody@127.0.0.1:9/none");
  signing = await signingKey(config);
};
beforeAll(openLab);
afterAll(() => lab[Symbol.asyncDispose]());

/** Lays a small set into the vault. */
async function lay(index: ((set: string) => string) | undefined, as = signing): Promise<Manifest> {
  const { recipients } = await readKeyring(lab.publicKeys);
  const recipient = { recipients: recipients.filter(({ fingerprint }) => fingerprint === lab.operations.fingerprint) };
  const parts = { vault: lab.vault, signing: { unlocked: as }, recipient, inventory, pieces: smallPieces() };
  return assembleSet({ ...parts, ...(index && { index }) });
}

const keys = (): Parameters<typeof runHistory>[0]["keys"] => ({
  signing: [signing],
  opening: { privateKey: lab.operations, trustedSigners: lab.signers },
});
const history = (key?: string) =>
  runHistory({ vault: lab.vault, config, log: silentLog, keys: keys(), table: "public.exams", key });

describe("the index of a set, deep verified", () => {
  const damage = async (index: (set: string) => string) => {
    const { set, tier } = await lay(index);
    const options = { trustedSigners: lab.signers, privateKey: lab.operations, deep: true };
    const { findings } = await verifySet(lab.vault, { set, tier }, options, silentLog);
    return findings.filter(({ severity }) => severity === "damage").map(({ where, code }) => `${where} ${code}`);
  };

  test("is whole when it fits the rows", async () => {
    expect(await damage(linesOf())).toEqual([]);
  });

  const other = packBuckets(new BigInt64Array(1024).fill(5n));
  test.each([
    ["other buckets than the rows have", changed("exams", { buckets: other })],
    ["another number of rows", changed("grades", { rows: "3" })],
    ["another hash", changed("exams", { hash: "3" })],
    ["another key", changed("grades", { key: ["id"], buckets: other })],
    ["other columns", changed("exams", { columns: ["id", "valu"] })],
    ["another name", changed("exams", { name: "exam" })],
    ["a table that nobody knows", changed("exams", { oid: "9" })],
  ])("differs with %s", async (_what, index) => {
    expect(new Set(await damage(index))).toEqual(new Set(["index/tables.ndjson.zst.pgp index-differs"]));
  });

  test.each([
    ["no index at all", () => "hello\n"],
    ["nothing", () => "\n"],
    ["another format", linesOf(undefined, { format: "lifeboat-index/9" })],
    ["fewer tables than it says", linesOf(undefined, { tables: 3 })],
    ["a table that is none", (set: string) => `${linesOf(undefined, { tables: 3 })(set)}{"schema":"public"}\n`],
    ["a line without an end", (set: string) => `${linesOf()(set)}${"x".repeat(3_000_000)}`],
  ])("is damaged where it holds %s", async (_what, index) => {
    expect(await damage(index)).toEqual(["index/tables.ndjson.zst.pgp index-damaged"]);
  });
});

describe("a history", () => {
  beforeAll(async () => {
    await lab[Symbol.asyncDispose]();
    await openLab();
  });

  test("of a vault without sets says so", async () => {
    await expect(history()).rejects.toMatchObject({ code: "sets-missing" });
  });

  test("of sets without an index says so, and what to do", async () => {
    await lay(undefined);
    await expect(history()).rejects.toMatchObject({ code: "indexes-missing", next: expect.stringMatching(/compare/) });
  });

  test("tells each set's own trouble, and of the others what there is; rows are read where there is no index, too", async () => {
    const sets = [
      await lay(linesOf()),
      await lay(undefined),
      await lay(linesOf(undefined, { set: "20261122T221500Z-1a2b3c4d" })),
      await lay(() => "hello\n"),
      await lay(linesOf()),
    ].map(({ set }) => set);
    // By a key that nobody trusts.
    const stranger = await lay(linesOf(), lab.escrow);
    const { steps, row } = await history("id=2");
    const found = new Map(steps.map(({ manifest, problem }) => [manifest.set, problem?.code]));
    expect(found.has(stranger.set)).toBe(false);
    expect(sets.map((set) => found.get(set))).toEqual([
      undefined,
      "index-missing",
      "index-damaged",
      "index-damaged",
      undefined,
    ]);
    expect(row?.sets.map(({ values }) => values?.get("value"))).toEqual(steps.map(() => "الجبر"));
  });
});

describe("a backup that compares itself with the set before", () => {
  test.each([
    ["a damaged index", async () => lay(() => "hello\n"), /cannot be used/],
    ["an index of another signing key", async () => lay(linesOf(), lab.escrow), /was sealed by signing key/],
    [
      "an index that is not there any more",
      async () => {
        const manifest = await lay(linesOf());
        const artifacts = manifest.artifacts.map((one) => ({
          ...one,
          segments: one.segments.map((segment) => ({ ...segment, key: `gone/${segment.key}` })),
        }));
        return { ...manifest, artifacts };
      },
      /gone/,
    ],
  ] as const)("goes on without it where that has %s, and warns", async (_what, last, words) => {
    const warnings: string[] = [];
    const policy = config.policy.backup.jumps;
    const comparing = { vault: lab.vault, keys: { signing: [signing] }, policy, signal: new AbortController().signal };
    const compared = await compareWithLast(trueIndex("20261122T221500Z-1a2b3c4d"), await last(), {
      ...comparing,
      warn: (text) => void warnings.push(text),
    });
    expect(compared).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(words)]);
  });

  test("is quiet where that has no index yet", async () => {
    const comparing = { vault: lab.vault, keys: { signing: [signing] }, policy: config.policy.backup.jumps };
    const warn = (text: string) => expect.unreachable(text);
    const last = await lay(undefined);
    const signal = new AbortController().signal;
    expect(await compareWithLast(trueIndex(last.set), last, { ...comparing, warn, signal })).toBeUndefined();
  });
});
