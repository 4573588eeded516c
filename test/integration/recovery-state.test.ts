import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { realClock } from "../../actions/lib/base/flow/clock.ts";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { keepNewest } from "../../actions/lib/operations/recover/access.ts";
import {
  beginState,
  type RecoveryState,
  readState,
  type StateAccess,
} from "../../actions/lib/operations/recover/state.ts";
import { folderStates, type StateStore, vaultStates } from "../../actions/lib/operations/recover/state-store.ts";
import { readKeyring, type Signer } from "../../actions/lib/seal/keys/keyring.ts";
import { generateKey, type NewKey, readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { newBucket } from "../faults/proxy/test-bucket.ts";

/** The recoveries of a store that are under way. */
async function unfinishedStates(access: StateAccess): Promise<RecoveryState[]> {
  const states = await Promise.all((await access.store.list()).map((id) => readState(id, access, silentLog)));
  return states.filter((state) => state !== undefined).filter(({ ended }) => ended === null);
}

const passphrase = "long enough for a test";
let made: readonly NewKey[];
const password = "correct-horse-battery";
const schema = z.object({ password: z.string() });

beforeAll(async () => {
  const expires = new Date(Date.now() + 86_400_000);
  const roles = ["operations", "escrow", "operations"] as const;
  made = await Promise.all(roles.map((role) => generateKey({ role, project: "lab", passphrase, expires })));
});

/** As the holder of one of the keys: 0 operations, 1 escrow, 2 a stranger, to whom nothing is sealed and whose word does not count. */
async function accessOf(store: StateStore, holder: number): Promise<StateAccess> {
  const opening = await readPrivateKey(made[holder]?.privateArmored ?? "", passphrase);
  const people = made.slice(0, 2).map(({ publicArmored }) => publicArmored);
  const { recipients, signers } = await readKeyring(people.join("\n"));
  const trusted: readonly Signer[] = signers;
  return {
    ...{ store, clock: realClock },
    keys: {
      ...{ opening, recipients },
      sign: (bytes) => signDetached(bytes, opening),
      verify: (bytes, armored) => verifyDetached(bytes, armored, trusted),
    },
  };
}

const begin = (access: StateAccess) =>
  beginState({ scenario: "complete-loss", facts: { password }, human: { by: "a test", what: "began it" } }, access);
const time = { begunAt: "2026-11-22T22:15:00.000Z", endedAt: "2026-11-22T22:16:00.000Z", late: false };

test.each(["bucket", "folder"])(
  "a state in a %s is sealed, taken up by the other key of people, and ends",
  async (kind) => {
    using vault = openVault(await newBucket());
    const store =
      kind === "bucket" ? vaultStates(vault) : folderStates(await mkdtemp(join(tmpdir(), "lifeboat-state-")));
    const state = await begin(await accessOf(store, 0));
    await state.noteTime({ phase: "make the project", ...time });
    for (const { bytes } of (await store.read(state.id)).versions) {
      expect(Buffer.from(bytes).includes(password)).toBe(false);
      expect(Buffer.from(bytes).includes("make the project")).toBe(false);
    }
    const [found, ...others] = await unfinishedStates(await accessOf(store, 1));
    expect(others).toEqual([]);
    expect(found?.id).toBe(state.id);
    expect(found?.facts(schema)).toEqual({ password });
    expect(found?.times).toEqual([{ phase: "make the project", ...time }]);
    await found?.noteHuman({ by: "somebody", what: "took it up" });
    // The first holder has not seen that, and must not write over it.
    await expect(state.note({ password: "another" })).rejects.toMatchObject({ code: "recovery-taken" });
    await found?.end("handed over");
    expect(await unfinishedStates(await accessOf(store, 0))).toEqual([]);
  },
);

test("who can write the bucket and has no key cannot send a recovery elsewhere", async () => {
  using vault = openVault(await newBucket());
  const store = vaultStates(vault);
  const access = await accessOf(store, 0);
  const state = await begin(access);
  const key = `recoveries/${state.id}/state.json.pgp`;
  const older = (await vault.get(key)).body;
  await state.noteTime({ phase: "make the project", ...time });
  const warned: string[] = [];
  const log: Log = { ...silentLog, warn: (line) => void warned.push(line) };
  const read = async () => (await readState(state.id, access, log))?.times.length;

  // Sealed to the right people, but signed by nobody whose word counts.
  const stranger = await accessOf(store, 2);
  await beginState(
    { scenario: "complete-loss", facts: { password: "the attacker's" }, human: { by: "x", what: "x" } },
    { ...stranger, store: { ...store, write: async (_id, bytes) => (await vault.put(key, bytes)).etag } },
  );
  expect(await read()).toBe(1);
  expect(warned.join("\n")).toMatch(/1 of its states do not open/);

  // An older state of ours, put over the newer one.
  await vault.put(key, older);
  expect(await read()).toBe(1);
  // Hidden by a delete marker.
  await vault.transport.request({ operation: "DeleteObject", key }, ({ client, bucket }) =>
    client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })),
  );
  expect(await read()).toBe(1);
  const [found] = await unfinishedStates(access);
  expect(found?.facts(schema)).toEqual({ password });
  await found?.note({ password: "made anew" });
  expect((await readState(state.id, access, silentLog))?.facts(schema)).toEqual({ password: "made anew" });

  // A state of another recovery does not count under this one's name.
  const other = await begin(access);
  const foreign = (await vault.get(`recoveries/${other.id}/state.json.pgp`)).body;
  await vault.put(`recoveries/20991122T221500Z-1a2b3c4d/state.json.pgp`, foreign);
  expect(await readState("20991122T221500Z-1a2b3c4d", access, silentLog)).toBeUndefined();
});

test("others that lie over a state, however many, neither hide it nor let a second recovery begin", async () => {
  using vault = openVault(await newBucket());
  const store = vaultStates(vault);
  const access = await accessOf(store, 0);
  const state = await begin(access);
  await state.noteTime({ phase: "make the project", ...time });
  const doubts: string[] = [];
  const read = async (id: string) => {
    doubts.length = 0;
    return readState(id, access, silentLog, (what) => void doubts.push(what));
  };
  const junkOver = async (id: string, many: number) => {
    for (let left = many; left > 0; left -= 20)
      await Promise.all(
        Array.from({ length: Math.min(20, left) }, () =>
          vault.put(`recoveries/${id}/state.json.pgp`, Buffer.from("junk")),
        ),
      );
  };
  await junkOver(state.id, 410);
  const { versions, unread } = await store.read(state.id);
  expect([versions.length, unread]).toEqual([400, 12]);
  expect((await read(state.id))?.times.length).toBe(1);
  expect(doubts).toEqual([]);

  // Where nothing is believed, whether one is under way is not known; of what is old it is: nobody recovers for a week.
  const other = "20991122T221500Z-1a2b3c4d";
  await junkOver(other, 1);
  expect(await read(other)).toBeUndefined();
  expect(doubts).toEqual([expect.stringContaining(`recoveries/${other}`)]);
  const later = { ...access, clock: { ...realClock, now: () => Date.now() + 8 * 86_400_000 } };
  expect(await readState(other, later, silentLog, () => expect.unreachable())).toBeUndefined();

  // Larger than any state: it is not even fetched.
  const large = "20991122T221500Z-5e6f7a8b";
  await vault.put(`recoveries/${large}/state.json.pgp`, Buffer.alloc(1024 * 1024 + 1));
  expect(await store.read(large)).toMatchObject({ versions: [], unread: 1 });
  expect(await read(large)).toBeUndefined();
  expect(doubts).toHaveLength(1);
});

test("a replica that lags calls no recovery unfinished that has ended, and is written only where it knows more", async () => {
  using vault = openVault(await newBucket());
  using replica = openVault(await newBucket());
  const access = await accessOf(vaultStates(vault), 0);
  const behind = await accessOf(vaultStates(replica), 0);
  const state = await begin(access);
  const key = `recoveries/${state.id}/state.json.pgp`;
  const replicate = async () => void (await replica.put(key, (await vault.get(key)).body));
  const kept = async (order: readonly (readonly [string, StateAccess])[]) => {
    const homes = new Map<RecoveryState, string>();
    for (const [home, one] of order) {
      const found = await readState(state.id, one, silentLog);
      if (found !== undefined) keepNewest(homes, found, home);
    }
    return [...homes].map(([{ ended }, home]) => [home, ended?.how]);
  };
  await replicate();
  const both = [["vault", access] as const, ["replica", behind] as const];
  expect(await kept(both)).toEqual([["vault", undefined]]);
  await state.end("handed over");
  expect(await kept(both)).toEqual([["vault", "handed over"]]);
  expect(await kept(both.toReversed())).toEqual([["vault", "handed over"]]);
});
