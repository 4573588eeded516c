import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { newSetId } from "../../actions/lib/vault/format/manifest.ts";
import { beginIncident, endIncident } from "../../actions/lib/vault/incident/write.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { newTestKey } from "../integration/assembled-set.ts";
import { openRetentionVault } from "../integration/retention-vault.ts";

/** An incident that begins while something is being removed: what went before is gone, nothing goes after it. */

/** Calls `then` once, after the first request of this kind has been done. */
function afterFirst(vault: Vault, operation: string, then: () => Promise<void>): Vault {
  const { transport } = vault;
  let done = false;
  const request: typeof transport.request = async (question, work) => {
    const answer = await transport.request(question, work);
    if (question.operation !== operation || !/manifest\.json/.test(question.key ?? "") || done) return answer;
    done = true;
    await then();
    return answer;
  };
  return { ...vault, transport: { ...transport, request } };
}

test("retention that is removing sets stops before its next removal, and an end by a stranger does not let it go on", async () => {
  using on = await openRetentionVault({ lock: false });
  const sets = await on.lay({ hours: 4 }, { hours: 3 }, { hours: 2 }, { hours: 1 });
  const incident = { id: newSetId(new Date()), reason: "keys were stolen", by: "a test", at: new Date() };
  let leases = 0;
  const vault = afterFirst(on.vault, "DeleteObjects", async () => {
    await beginIncident(on.vault, incident, undefined);
    leases = (await versionsBelow(on.vault.transport, "leases/")).length;
    // For so long a gate may use its last answer.
    await sleep(1100);
  });
  const { database } = await on.retention(8, { vault });
  expect(database?.removals?.stopped).toMatch(/an incident is on.*keys were stolen/);
  expect(await on.sets()).toHaveLength(3);
  // What its manifest named lies there still: not even the rest of that one set went.
  expect((await on.keys(`database/daily/${sets[0]}/`)).length).toBeGreaterThan(1);

  // Nor did what tells who worked when.
  expect(leases).toBeGreaterThan(0);
  expect((await versionsBelow(on.vault.transport, "leases/")).length).toBeGreaterThanOrEqual(leases);

  // A run that begins during the incident plans no removal at all.
  const { database: during } = await on.retention(8);
  expect(during?.removals?.removed ?? []).toEqual([]);
  expect(await on.sets()).toHaveLength(3);

  const key = await newTestKey("signing");
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, key.signers);
  await endIncident(on.vault, incident, (bytes) => signDetached(bytes, key.unlocked), verify);
  const { database: still } = await on.retention(8);
  expect(still?.removals?.removed ?? []).toEqual([]);
  expect(await on.sets()).toHaveLength(3);
});

test("a mark keeps a set from being the newest good one that retention keeps, and from being kept for it", async () => {
  using on = await openRetentionVault({ lock: false });
  const [good, marked] = await on.lay(
    { hours: 4 },
    { hours: 2, change: (manifest) => ({ ...manifest, incident: "20260101T000000Z-00000000" }) },
  );
  // Long after both terms the newest good one stays, and it is the older one: the marked one goes in its place.
  await on.retention(20);
  expect(await on.sets()).toEqual([`daily/${good}`]);
  expect(marked).toBeDefined();
});
