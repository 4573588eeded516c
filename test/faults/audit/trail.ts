import { readKeyring, type Signer } from "../../../actions/lib/seal/keys/keyring.ts";
import { generateKey, readPrivateKey } from "../../../actions/lib/seal/keys/private-key.ts";
import { type SignBytes, signDetached } from "../../../actions/lib/seal/keys/signature.ts";
import {
  type AuditEntry,
  type Draft,
  entryBytes,
  type Head,
  hashOf,
  noHead,
  parseEntry,
  thingsOf,
} from "../../../actions/lib/vault/audit/entry.ts";
import type { Anchor } from "../../../actions/lib/vault/audit/verify.ts";

/** A trail in memory, by the numbers of its entries. */
export type Trail = ReadonlyMap<number, Uint8Array>;

const operations = ["backup", "sync", "verify", "retention", "restore"] as const;

/** What the nth entry says: runs begin and end in turn. Retention has no key to sign with. */
export function draftOf(index: number, what = "daily"): Draft {
  const run = Math.floor(index / 2);
  const operation = operations[run % operations.length] ?? "backup";
  const common = {
    at: new Date(Date.UTC(2026, 0, 1) + index * 1_800_000).toISOString(),
    id: run.toString(16).padStart(16, "0"),
    ...{ operation, filed: null },
    who: {
      ...{ by: "github" as const, actor: "octocat", workflow: operation, run: String(4000 + run), attempt: 1 },
      ...{ event: "schedule", job: operation, environment: null },
    },
  };
  if (index % 2 === 1) {
    const made = [{ name: `database/daily/${run}/manifest.json`, sha256: hashOf(Buffer.from(String(run))) }];
    const none = thingsOf([]);
    return {
      ...common,
      event: "end",
      outcome: "success",
      code: null,
      made: thingsOf(made),
      opened: none,
      removed: none,
    };
  }
  const nothing = { set: null, target: null, rehearsal: false, breakGlass: false, withoutAudit: null };
  return { ...common, ...nothing, event: "begin", what, reason: 'of "this" and \\ that: ü' };
}

const isUnsigned = ({ operation }: Pick<AuditEntry, "operation">): boolean => operation === "retention";

/** A trail of so many entries as the writer lays it down, and the head after each run, as its report tells it. */
export async function makeTrail(count: number, sign: SignBytes): Promise<{ trail: Trail; anchors: Anchor[] }> {
  const trail = new Map<number, Uint8Array>();
  const anchors: Anchor[] = [];
  let head: Head = noHead;
  for (let index = 0; index < count; index++) {
    head = await layDown(trail, draftOf(index), head, sign);
    if (index % 2 === 1 && head.sha256 !== null) anchors.push({ count: head.count, sha256: head.sha256 });
  }
  return { trail, anchors };
}

/** Adds one entry behind a head. */
export async function layDown(
  trail: Map<number, Uint8Array>,
  draft: Draft,
  head: Head,
  sign: SignBytes,
): Promise<Head> {
  const bytes = await entryBytes(draft, head, isUnsigned(draft) ? undefined : sign);
  trail.set(head.count + 1, bytes);
  return { count: head.count + 1, sha256: hashOf(bytes) };
}

/** The entry in a place, without it. */
export function draftAt(trail: Trail, number: number): Draft {
  const stored = parseEntry(trail.get(number) ?? new Uint8Array());
  if (stored === undefined) throw new Error(`There is no entry ${number}.`);
  const { format, number: _number, previous, ...draft } = stored.entry;
  return draft;
}

/** A key that signs entries. */
export async function trailSigner(): Promise<{
  readonly publicKey: string;
  readonly signers: readonly Signer[];
  readonly sign: SignBytes;
}> {
  const expires = new Date(Date.now() + 864e5);
  const made = await generateKey({ role: "signing", project: "audit", passphrase: "passphrase of a test", expires });
  const key = await readPrivateKey(made.privateArmored, "passphrase of a test");
  const { signers } = await readKeyring(made.publicArmored);
  return { publicKey: made.publicArmored, signers, sign: (bytes) => signDetached(bytes, key) };
}
