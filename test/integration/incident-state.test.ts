import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { readKeyring, type Signer } from "../../actions/lib/seal/keys/keyring.ts";
import { generateKey, readPrivateKey, type UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { incidentMark, newSetId } from "../../actions/lib/vault/format/manifest.ts";
import { assertNoIncident, incidentGate, readIncident, watchIncident } from "../../actions/lib/vault/incident/state.ts";
import { beginIncident, endIncident } from "../../actions/lib/vault/incident/write.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { newBucket } from "../faults/proxy/test-bucket.ts";

let ours: UnlockedKey;
let strangers: UnlockedKey;
let signers: readonly Signer[];
let vault: Vault;

beforeAll(async () => {
  const expires = new Date(Date.now() + 86_400_000);
  const make = () => generateKey({ role: "signing", project: "lab", passphrase: "long enough for a test", expires });
  const [own, other] = [await make(), await make()];
  ours = await readPrivateKey(own.privateArmored, "long enough for a test");
  strangers = await readPrivateKey(other.privateArmored, "long enough for a test");
  ({ signers } = await readKeyring(own.publicArmored));
});
beforeEach(async () => {
  vault = openVault(await newBucket());
});
afterEach(() => vault?.close());

const signBy = (key: UnlockedKey) => (bytes: Uint8Array) => signDetached(bytes, key);
const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
const read = () => readIncident(vault, verify);
const said = (id = newSetId(new Date()), reason = "keys were stolen") => ({ id, reason, by: "a test", at: new Date() });
/** Lays a delete marker over it, as somebody with the bucket's console does. */
const hide = (key: string) =>
  vault.transport.request({ operation: "DeleteObject", key }, ({ client, bucket }) =>
    client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })),
  );

test("an incident is on from its begin to its signed end, and its begin needs no key", async () => {
  expect(await read()).toEqual({ on: false, ended: [] });
  const incident = said();
  await beginIncident(vault, incident, undefined);
  const state = await read();
  expect(state).toMatchObject({ on: true, id: incident.id, reason: incident.reason });
  expect(state.on && state.problem).toMatch(/no pinned key/);
  expect(state.on && Math.abs(Date.parse(state.since ?? "") - Date.now())).toBeLessThan(600_000);
  await expect(assertNoIncident(vault, verify, "retention removes sets")).rejects.toMatchObject({
    ...{ code: "incident-on", exitCode: 2 },
    message: expect.stringMatching(/retention removes sets.*keys were stolen/),
    next: expect.stringContaining("lifeboat incident end"),
  });
  await endIncident(vault, { ...incident, reason: "all keys are new" }, signBy(ours), verify);
  expect(await read()).toEqual({ on: false, ended: [incident.id] });
  await assertNoIncident(vault, verify, "retention removes sets");
});

test("an end that a stranger signed, nobody signed, or that names another incident ends nothing", async () => {
  const older = said();
  await beginIncident(vault, older, signBy(ours));
  await endIncident(vault, older, signBy(ours), verify);
  const incident = said();
  await beginIncident(vault, incident, signBy(ours));
  await expect(endIncident(vault, incident, signBy(strangers), verify)).rejects.toMatchObject({
    code: "incident-still-on",
  });
  const replayed = (await vault.get(`incident/${older.id}/end.json`)).body;
  await vault.put(`incident/${incident.id}/end.json`, replayed);
  await vault.put(`incident/${incident.id}/end-00000000.json`, Buffer.from('{"format":"lifeboat-incident-end/1"}'));
  expect(await read()).toMatchObject({ on: true, id: incident.id, problem: null, ended: [older.id] });
  // The name is taken by all of them, and it can be ended all the same.
  await endIncident(vault, incident, signBy(ours), verify);
  expect(await read()).toMatchObject({ on: false });
});

test("a begin that is hidden, replaced, damaged, of an unknown form or larger than any counts as it was written, or as on", async () => {
  const incident = said();
  const key = `incident/${incident.id}/begin.json`;
  await beginIncident(vault, incident, signBy(ours));
  await hide(key);
  expect(await read()).toMatchObject({ on: true, reason: incident.reason, problem: expect.stringContaining("hidden") });
  await vault.put(key, Buffer.from("{}"));
  expect(await read()).toMatchObject({ on: true, id: incident.id, reason: incident.reason, problem: null });
  await endIncident(vault, incident, signBy(ours), verify);
  for (const body of [Buffer.from("no json"), Buffer.from('{"format":"lifeboat-incident/9"}'), Buffer.alloc(100_000)]) {
    const id = newSetId(new Date());
    await vault.put(`incident/${id}/begin.json`, body);
    expect(await read()).toMatchObject({ on: true, id, problem: expect.any(String) });
    await endIncident(vault, said(id), signBy(ours), verify);
  }
  await vault.put("incident/odd", Buffer.from("x"));
  expect(await read()).toMatchObject({ on: true, id: "odd" });
});

test("what hides the end keeps the incident over: a marker lets nothing come back, and nothing go", async () => {
  const incident = said();
  await beginIncident(vault, incident, signBy(ours));
  await endIncident(vault, incident, signBy(ours), verify);
  await hide(`incident/${incident.id}/end.json`);
  expect(await read()).toMatchObject({ on: false });
});

test("two begins at once are two incidents, and both have to end", async () => {
  const [one, two] = [said(), said(undefined, "another reason")];
  await Promise.all([beginIncident(vault, one, signBy(ours)), beginIncident(vault, two, undefined)]);
  const state = await read();
  expect(state.on && state.all.map(({ id }) => id).sort()).toEqual([one.id, two.id].sort());
  await endIncident(vault, one, signBy(ours), verify);
  expect(await read()).toMatchObject({ on: true, id: two.id });
  await endIncident(vault, two, signBy(ours), verify);
  expect(await read()).toMatchObject({ on: false });
});

test("a state that the store does not show counts as on, and says so", async () => {
  const denied = new ConfigurationError("s3-denied", "ListObjectVersions of incident/: the store refuses");
  const request = () => Promise.reject(denied);
  const blind: Vault = { ...vault, transport: { ...vault.transport, request } };
  await expect(assertNoIncident(blind, verify, "retention removes sets")).rejects.toMatchObject({
    ...{
      code: "incident-on",
      message: expect.stringContaining("cannot be read"),
      next: expect.stringContaining("readable"),
    },
  });
  // The list is there, and the record is not to be had.
  await beginIncident(vault, said(), signBy(ours));
  const closed: Vault = { ...vault, get: () => Promise.reject(denied) };
  expect(await readIncident(closed, verify)).toMatchObject({ on: true, id: "unknown" });
});

test("a gate that was open closes within seconds of a begin, and asks the store once for many removals", async () => {
  let lists = 0;
  const { transport } = vault;
  const request: typeof transport.request = (question, work) => {
    if (question.operation === "ListObjectVersions") lists++;
    return transport.request(question, work);
  };
  const gate = incidentGate([{ ...vault, transport: { ...transport, request } }], verify);
  await Promise.all(Array.from({ length: 50 }, () => gate("set A")));
  expect(lists).toBe(1);
  await beginIncident(vault, said(), undefined);
  const deadline = Date.now() + 10_000;
  const closed = async (): Promise<unknown> => {
    for (;;) {
      const refusal = await gate("set B").then(
        () => undefined,
        (error: unknown) => error,
      );
      if (refusal !== undefined || Date.now() > deadline) return refusal;
      await new Promise((wake) => setTimeout(wake, 100));
    }
  };
  expect(await closed()).toMatchObject({
    code: "incident-on",
    exitCode: 1,
    message: expect.stringContaining("before set B"),
  });
});

test("whatever somebody calls a folder below incident/, a backup gets a mark that its manifest can carry", async () => {
  const mark = async () => (await watchIncident(vault, verify, silentLog)).mark();
  for (const id of ["x".repeat(300), "a b;c", "unknown"]) {
    await vault.put(`incident/${id}/begin.json`, Buffer.from("x"));
    expect(incidentMark.safeParse(await mark()).data, id).toBe("unknown");
    const state = await read();
    expect(state).toMatchObject({ on: true, id });
    // It has a name, unlike a state that cannot be read, and can be ended by it.
    expect(state).not.toHaveProperty("unreadable");
    await endIncident(vault, said(id), signBy(ours), verify);
    expect(await mark()).toBeUndefined();
  }
  // What a console's "create folder" leaves.
  await vault.put("incident/", Buffer.from(""));
  expect(incidentMark.safeParse(await mark()).data).toBe("unknown");
});
