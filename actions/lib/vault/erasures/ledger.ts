import { createHash } from "node:crypto";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { isConditionFailed } from "../../s3/store-errors.ts";
import { readNote, type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import type { LedgerHead } from "../format/manifest.ts";
import { alarmOf } from "../published/publications.ts";
import type { VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { assertStored } from "../s3/read-back.ts";
import { vaultAsWritten, type WrittenObject, writtenObjects } from "../s3/versions.ts";
import { entryKey, erasuresPrefix, isEntryKey, type LedgerEntry, ledgerEntrySchema } from "./entries.ts";

/** The ledger as it was written. */
export interface Ledger {
  /** In their order. */
  readonly entries: readonly LedgerEntry[];
  /** Null: there is none, nobody was ever erased. */
  readonly head: LedgerHead | null;
  /** SHA-256 of each entry as it is stored. */
  readonly hashes: readonly string[];
  /** Why it cannot be relied on, as a sentence without its full stop; null: it can. */
  readonly broken: string | null;
  /** What somebody else did to it, in words for people. */
  readonly alarms: readonly string[];
  /** Names that are taken, whatever lies there. */
  readonly taken: ReadonlySet<string>;
}

const mostObjects = 100_000;
const maxEntryBytes = 1024 * 1024;
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

interface ReadEntry {
  readonly entry: LedgerEntry;
  readonly hash: string;
}

/**
 * Reads the ledger. What somebody hid or wrote again is read as it was written; what no person's key has signed counts for nothing.
 * @param verify of people's keys alone (`releaseVerifier`)
 * @throws OperationError `s3-unavailable`; ConfigurationError `s3-denied`
 */
export async function readLedger(vault: Vault, verify: VerifySignature): Promise<Ledger> {
  const objects = await writtenObjects(vault, [erasuresPrefix], mostObjects);
  const written = vaultAsWritten(vault, objects);
  const read = await mapBounded(
    objects.filter(({ key }) => isEntryKey(key)),
    24,
    async ({ key }) => ({ key, found: await readEntry(written, key, verify) }),
  );
  const believed = read.flatMap(({ found }) => found ?? []).sort((a, b) => a.entry.number - b.entry.number);
  const of = (state: WrittenObject["state"]) => objects.filter((one) => one.state === state).map(({ key }) => key);
  const unsigned = read.filter(({ found }) => found === undefined).map(({ key }) => key);
  const last = believed.at(-1);
  return {
    entries: believed.map(({ entry }) => entry),
    hashes: believed.map(({ hash }) => hash),
    taken: new Set(objects.map(({ key }) => key)),
    head: last === undefined ? null : { count: last.entry.number, hash: last.hash },
    broken: objects.length > mostObjects ? `it has more than ${mostObjects} objects` : brokenAt(believed),
    alarms: [
      ...alarmOf(
        of("hidden"),
        "hidden by delete markers, and read all the same",
        "object of the ledger of erasures",
        "objects of the ledger of erasures",
      ),
      ...alarmOf(
        of("replaced"),
        "written again, and read as before",
        "object of the ledger of erasures",
        "objects of the ledger of erasures",
      ),
      ...alarmOf(
        unsigned,
        "laid into the ledger of erasures without the signature of a person's key",
        "entry",
        "entries",
      ),
    ],
  };
}

/** Undefined for what counts for nothing. */
async function readEntry(vault: Vault, key: string, verify: VerifySignature): Promise<ReadEntry | undefined> {
  try {
    const { body } = await vault.get(key, { maxBytes: maxEntryBytes });
    const note = await readNote(body, verify);
    const entry = ledgerEntrySchema.safeParse(note?.document).data;
    if (note?.trusted !== true || entry === undefined || key !== entryKey(entry.number, entry.mark)) return undefined;
    return { entry, hash: digest(body) };
  } catch (error) {
    if (error instanceof LifeboatError && ["s3-too-large", "s3-missing"].includes(error.code)) return undefined;
    throw error;
  }
}

function brokenAt(entries: readonly ReadEntry[]): string | null {
  for (const [at, { entry }] of entries.entries()) {
    const { number, previous } = entry;
    if (number > at + 1) return `entry ${at + 1} is missing`;
    if (number < at + 1) return `there are two entries ${number}`;
    if (previous !== (entries[at - 1]?.hash ?? null)) return `entry ${number} does not follow the one before it`;
  }
  return null;
}

/** Why a ledger is older than what a set's manifest has noted of it, or another one; null: it is not. */
export function olderThan({ hashes }: Ledger, noted: LedgerHead | undefined): string | null {
  if (noted === undefined) return null;
  const there = hashes[noted.count - 1];
  if (there === undefined) return `it has ${hashes.length} entries, and had ${noted.count} when a set was made`;
  return there === noted.hash ? null : `its entry ${noted.count} is another one than when a set was made`;
}

/** @throws OperationError `ledger-broken` */
export function assertWhole({ broken }: Ledger): void {
  if (broken === null) return;
  throw new OperationError(
    "ledger-broken",
    `The ledger of erasures is not whole: ${broken}.`,
    "Nothing was changed. Bring the missing objects back from the replica: runbooks/compliance/gdpr-erasure.md.",
  );
}

/** An entry before it has its place. */
export type Unplaced<Entry> = Entry extends LedgerEntry
  ? Omit<Entry, "format" | "number" | "mark" | "previous">
  : never;

/**
 * Adds an entry to the ledger. Of two who write at once, one is second, and looks at the ledger again.
 * @param make the entry after this ledger; undefined: it needs none any more
 * @returns what the ledger holds then
 * @throws OperationError `ledger-broken`, `ledger-busy`, `stored-differs`, `s3-unavailable`; what `make` throws
 */
export async function appendEntry(
  vault: Vault,
  verify: VerifySignature,
  sign: SignBytes,
  make: (ledger: Ledger) => Promise<Unplaced<LedgerEntry> | undefined>,
): Promise<{ readonly ledger: Ledger; readonly entry: LedgerEntry | undefined; readonly key: string | undefined }> {
  for (let round = 0; round < 20; round++) {
    const ledger = await readLedger(vault, verify);
    assertWhole(ledger);
    const made = await make(ledger);
    if (made === undefined) return { ledger, entry: undefined, key: undefined };
    const number = ledger.entries.length + 1;
    // As the ledger was read: another writer's entry since then is in the way of ours, and no reason for another name.
    let mark = 0;
    while (ledger.taken.has(entryKey(number, mark))) mark++;
    const entry = ledgerEntrySchema.parse({
      ...{ format: "lifeboat-erasure/1", number, mark, previous: ledger.head?.hash ?? null },
      ...made,
    });
    const [key, body] = [entryKey(number, mark), await writeNote(entry, sign)];
    try {
      await vault.put(key, body, { ifNoneMatch: true, contentType: "application/json" });
    } catch (error) {
      if (isConditionFailed(error)) continue;
      throw error;
    }
    await assertStored(vault, key, body);
    const hash = digest(body);
    return {
      ledger: {
        ...ledger,
        ...{ entries: [...ledger.entries, entry], hashes: [...ledger.hashes, hash], head: { count: number, hash } },
      },
      ...{ entry, key },
    };
  }
  throw new OperationError("ledger-busy", "Others write into the ledger of erasures without end.", "Run it again.");
}

/**
 * How far the ledger goes, for a manifest. One that is not whole, or older than what the set before has noted, stops no backup: it is
 * warned of, and what was noted is noted again, so that every restore knows.
 * @param before of the set before
 */
export async function notedErasures(
  vault: Vault,
  verify: VerifySignature,
  before: LedgerHead | undefined,
  warn: (text: string) => void,
): Promise<{ readonly erasures?: LedgerHead }> {
  const ledger = await readLedger(vault, verify);
  for (const alarm of ledger.alarms) warn(alarm);
  const wrong = ledger.broken ?? olderThan(ledger, before);
  if (wrong !== null)
    warn(`ALARM: the ledger of erasures cannot be relied on: ${wrong}. No restore is proven until it is whole again.`);
  const head = wrong === null ? ledger.head : before;
  return head ? { erasures: head } : {};
}
