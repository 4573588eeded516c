import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { acquireLease } from "../../actions/lib/vault/lease/lease.ts";
import { joinRunLease } from "../../actions/lib/vault/lease/run-lease.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { newBucket } from "../faults/proxy/test-bucket.ts";

let vault: Vault;
beforeAll(async () => {
  vault = openVault(await newBucket());
});
afterAll(() => vault?.close());

const job = (run: string, ttlSeconds?: number) => ({
  ...{ run, holder: `a job of ${run}` },
  ...(ttlSeconds !== undefined && { ttlSeconds }),
});

test("jobs of one run take it up after each other and side by side; everybody else is told who has it", async () => {
  const plan = await joinRunLease(vault, "jobs", job("run 1"));
  plan.leave();
  const parts = await Promise.all([1, 2, 3, 4].map(() => joinRunLease(vault, "jobs", job("run 1"))));
  await Promise.all(parts.map((part) => part.assertHeld()));
  for (const part of parts) part.leave();

  const others = [
    () => joinRunLease(vault, "jobs", job("run 2")),
    () => acquireLease(vault, "jobs", { holder: "one machine" }),
  ];
  for (const other of others) {
    await expect(other()).rejects.toMatchObject({
      code: "lease-held",
      message: expect.stringContaining("a job of run 1"),
    });
  }

  const commit = await joinRunLease(vault, "jobs", job("run 1"));
  await commit.release();
  await (await acquireLease(vault, "jobs", { holder: "one machine" })).release();
});

test("a run whose jobs have all died gives way when its time is over, and learns that it has lost", async () => {
  const dead = await joinRunLease(vault, "dead", job("run 1", 3));
  dead.leave();
  const straggler = await joinRunLease(vault, "dead", job("run 1", 3));
  straggler.leave();
  await sleep(5000);
  const next = await joinRunLease(vault, "dead", job("run 2"));
  await expect(joinRunLease(vault, "dead", job("run 1"))).rejects.toMatchObject({ code: "lease-held" });
  await next.release();
});

test("a job notices that another run has taken over, and can assert nothing", async () => {
  const slow = await joinRunLease(vault, "slow", job("run 1", 600));
  // As if its machine had been asleep: somebody else's record stands there.
  const other = { ...job("run 2"), ttlSeconds: 600 };
  const { body } = await vault.get("leases/slow.json");
  const record = { ...JSON.parse(Buffer.from(body).toString()), run: other.run, holder: other.holder };
  await vault.put("leases/slow.json", Buffer.from(JSON.stringify(record)));
  await expect(slow.assertHeld()).rejects.toMatchObject({ code: "lease-lost" });
  expect(slow.lost.aborted).toBe(true);
  await slow.release();
  const { body: after } = await vault.get("leases/slow.json");
  expect(JSON.parse(Buffer.from(after).toString())).toMatchObject({ run: "run 2", state: "held" });
});

test("a run takes its lease up again when its time is over and nobody has come", async () => {
  const first = await joinRunLease(vault, "late", job("run 1", 2));
  first.leave();
  await sleep(4000);
  await (await joinRunLease(vault, "late", job("run 1"))).release();
});
