import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { signDetached, verifyDetached, writeNote } from "../../actions/lib/seal/keys/signature.ts";
import { newSetId } from "../../actions/lib/vault/format/manifest.ts";
import { openHoldGate } from "../../actions/lib/vault/holds/gate.ts";
import {
  type HoldEntry,
  type HoldSubject,
  holdKey,
  readHolds,
  whyHeld,
} from "../../actions/lib/vault/holds/register.ts";
import { announceUse, readUses } from "../../actions/lib/vault/holds/uses.ts";
import type { VerifySignature } from "../../actions/lib/vault/published/signed-manifest.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { newVault } from "../faults/proxy/test-bucket.ts";
import { newTestKey, type TestKey } from "./assembled-set.ts";

/** What counts in the register of holds, whoever wrote into it. */

let ours: TestKey;
let foreign: TestKey;
let vault: Vault;
const verify: VerifySignature = (bytes, armored) => verifyDetached(bytes, armored, ours.signers);
beforeAll(async () => {
  ours = await newTestKey("signing");
  foreign = await newTestKey("signing");
});
beforeEach(async () => {
  vault?.close();
  vault = await newVault();
});
afterAll(() => vault?.close());

const hour = 3_600_000;
const inHours = (hours: number): string => new Date(Date.now() + hours * hour).toISOString();

function subjectOf(set: string, files: string | null = null): HoldSubject {
  return { kind: "database", tier: "daily", set, files };
}

function begin(subject: HoldSubject, more: Partial<{ id: string; until: string; reason: string }> = {}) {
  const { id = newSetId(new Date()), until = null, reason = "a lawyer asked" } = more;
  const at = new Date().toISOString();
  return { format: "lifeboat-hold/1", event: "begin", id, subject, reason, at, by: "a test", until } as const;
}

function release(subject: HoldSubject, ...ends: string[]) {
  const at = new Date().toISOString();
  const id = newSetId(new Date());
  return { format: "lifeboat-hold/1", event: "release", id, subject, reason: "over", at, by: "a test", ends } as const;
}

/** @param signer null: nobody signs @param at another place than its own */
async function put(entry: HoldEntry, signer: TestKey | null = ours, at?: string): Promise<string> {
  const key = at ?? holdKey(entry.subject.set, entry.id);
  await vault.put(key, await writeNote(entry, signer ? (bytes) => signDetached(bytes, signer.unlocked) : undefined));
  return key;
}

const denied = () => new ConfigurationError("s3-denied", "no right to look");

const why = async (set: string): Promise<string | null> => whyHeld(await readHolds(vault, verify), set);

test("a hold holds the set and the files that belong to it until it is released, and says why", async () => {
  const [set, files, other] = [newSetId(new Date()), newSetId(new Date()), newSetId(new Date())];
  const hold = begin(subjectOf(set, files));
  await put(hold);
  for (const held of [set, files]) expect(await why(held)).toContain("a lawyer asked");
  expect(await why(other)).toBeNull();
  await put(release(hold.subject, hold.id));
  const register = await readHolds(vault, verify);
  for (const held of [set, files]) expect(whyHeld(register, held)).toBeNull();
  expect(register).toMatchObject({ alarms: [], everything: null, holds: [{ id: hold.id, ended: "released" }] });
});

test("a hold without a signature holds, and its words are not repeated; its end lets nothing go", async () => {
  const [signed, unsigned] = [newSetId(new Date()), newSetId(new Date())];
  await put(begin(subjectOf(signed), { until: inHours(-1) }));
  await put(begin(subjectOf(unsigned), { until: inHours(-1), reason: "a stranger's words" }), null);
  expect(await why(signed)).toBeNull();
  expect(await why(unsigned)).toBe("a hold that no trusted key has signed keeps it");
  const later = newSetId(new Date());
  await put(begin(subjectOf(later), { until: inHours(1) }));
  expect(await why(later)).not.toBeNull();
});

test("only a trusted signature releases, and only the hold that it names, in its own place", async () => {
  const set = newSetId(new Date());
  const [first, second] = [begin(subjectOf(set)), begin(subjectOf(set))];
  for (const hold of [first, second]) await put(hold);
  await put(release(first.subject, first.id), null);
  await put(release(first.subject, first.id), foreign);
  const forged = await readHolds(vault, verify);
  expect(forged.holds.map(({ ended }) => ended)).toEqual([null, null]);
  expect(forged.alarms).toEqual([expect.stringContaining("released without a trusted signature")]);
  // A true release of the first leaves the second.
  const ended = release(first.subject, first.id);
  await put(ended);
  expect((await readHolds(vault, verify)).holds.filter(({ ended }) => ended === null)).toMatchObject([
    { id: second.id },
  ]);
  // The same release, copied to another place, releases nothing there, and that place is held because of it.
  const third = begin(subjectOf(newSetId(new Date())));
  await put(third);
  await put(ended, ours, holdKey(third.subject.set, newSetId(new Date())));
  const copied = await readHolds(vault, verify);
  expect(whyHeld(copied, third.subject.set)).not.toBeNull();
  expect(copied.unreadable).toEqual([third.subject.set]);
});

test("what was hidden, replaced or damaged counts as it was written, with an alarm each", async () => {
  const [hidden, replaced, damaged] = [newSetId(new Date()), newSetId(new Date()), newSetId(new Date())];
  const hiddenKey = await put(begin(subjectOf(hidden)));
  await vault.transport.request({ operation: "DeleteObject", key: hiddenKey }, ({ client, bucket }) =>
    client.send(new DeleteObjectCommand({ Bucket: bucket, Key: hiddenKey })),
  );
  const hold = begin(subjectOf(replaced));
  await put(hold);
  await put({ ...hold, until: inHours(-1) });
  await vault.put(holdKey(damaged, newSetId(new Date())), Buffer.from("{"));
  const register = await readHolds(vault, verify);
  for (const set of [hidden, replaced, damaged]) expect(whyHeld(register, set)).not.toBeNull();
  const told = register.alarms.join("\n");
  for (const word of ["hidden", "written again", "unreadable"]) expect(told).toContain(word);
});

test("a register that cannot be read, or holds what nobody knows, holds everything", async () => {
  const closed = { ...vault, transport: { ...vault.transport, request: () => Promise.reject(denied()) } };
  expect(whyHeld(await readHolds(closed, verify), newSetId(new Date()))).toContain("no right to look");
  await vault.put("holds/2.0/everything.json", Buffer.from("{}"));
  const register = await readHolds(vault, verify);
  expect(register.alarms).toEqual([expect.stringContaining("Everything counts as held")]);
  expect(whyHeld(register, newSetId(new Date()))).toContain("cannot be read");
});

test("who reads a set keeps it for a day; retention sees a hold or a use that comes while it works", async () => {
  const [used, free] = [newSetId(new Date()), newSetId(new Date())];
  const gate = await openHoldGate([vault], verify);
  expect(await gate.whyNow([used, free])).toBeNull();
  using _use = await announceUse(vault, { set: used, operation: "restore" }, silentLog);
  expect(await gate.whyNow([free, used])).toContain(`set ${used} has to stay`);
  expect(await gate.whyNow([free])).toBeNull();
  expect([...gate.neededOf([used, free])]).toEqual([[used, expect.stringContaining("restore")]]);
  await put(begin(subjectOf(free)), null);
  expect(await gate.whyNow([free])).toContain(`set ${free} has to stay`);
  const tomorrow = new Date(Date.now() + 25 * hour);
  expect((await readUses({ ...vault, serverTime: async () => tomorrow })).bySet.size).toBe(0);
  expect((await readUses(vault)).bySet.size).toBe(1);
});

test("a vault that can only be read keeps nobody from restoring: a use that cannot be noted is a warning", async () => {
  const warned: string[] = [];
  const closed: Vault = { ...vault, put: () => Promise.reject(denied()) };
  using _use = await announceUse(
    closed,
    { set: newSetId(new Date()), operation: "restore" },
    { warn: (line) => void warned.push(line) },
  );
  expect(warned).toEqual([expect.stringContaining("s3-denied")]);
});
