import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, expect, test } from "vitest";
import { removeLitter } from "../../actions/lib/operations/retention/records.ts";
import { acquireLease } from "../../actions/lib/vault/lease/lease.ts";
import { openVault, type VaultSettings } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { startHttpFaultProxy } from "./proxy/http-proxy.ts";
import { newBucket } from "./proxy/test-bucket.ts";

interface Holder {
  readonly child: ChildProcess;
  /** Resolves with the next word it says, `ended` when it says no more. */
  next(): Promise<string>;
}

let settings: VaultSettings & { endpoint: string };
const running = new Set<ChildProcess>();
beforeAll(async () => {
  settings = await newBucket();
});
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

function startHolder(ttlSeconds: number, in_: VaultSettings = settings): Holder {
  const script = fileURLToPath(new URL("./proxy/lease-holder.ts", import.meta.url));
  const child = spawn(process.execPath, [script, String(ttlSeconds)], {
    env: { ...process.env, LEASE_VAULT: JSON.stringify(in_) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value ?? "ended" };
}

test("of processes that start at once exactly one gets the lease, the others are told who has it", async () => {
  const words = await Promise.all(Array.from({ length: 4 }, () => startHolder(30).next()));
  expect(words.toSorted()).toEqual(["held", "lease-held", "lease-held", "lease-held"]);
  const vault = openVault(settings);
  const failure = await acquireLease(vault, "test", { holder: "the test" }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "lease-held", exitCode: 2 });
  expect(String(failure)).toMatch(/held by a test's process \(process \d+ on .+\) since 20\d\d-/);
  vault.close();
});

test("a lease whose process was killed on this machine is taken over at once", async () => {
  const own = await newBucket();
  const first = startHolder(3600, own);
  expect(await first.next()).toBe("held");
  first.child.kill("SIGKILL");
  await new Promise((resolve) => first.child.once("close", resolve));
  expect(await startHolder(3600, own).next()).toBe("held");
});

test("a holder on another machine that no longer renews is taken over after the TTL, not before", async () => {
  const vault = openVault(await newBucket());
  const record = {
    format: "lifeboat-lease/1",
    state: "held",
    holder: "somebody far away",
    process: { host: "elsewhere", pid: 1, boot: "other", started: "1" },
    since: new Date().toISOString(),
    ttlSeconds: 4,
    renewals: 0,
    token: "x",
  };
  await vault.put("leases/far.json", Buffer.from(JSON.stringify(record)));
  await expect(acquireLease(vault, "far", { holder: "us" })).rejects.toMatchObject({ code: "lease-held" });
  await sleep(6000);
  const lease = await acquireLease(vault, "far", { holder: "us" });
  await lease.assertHeld();
  await lease.release();
  vault.close();
});

test("a holder that was paused notices that it lost the lease, and can assert nothing", async () => {
  const own = await newBucket();
  const paused = startHolder(2, own);
  expect(await paused.next()).toBe("held");
  paused.child.kill("SIGSTOP");
  await sleep(4500);
  const vault = openVault(own);
  const lease = await acquireLease(vault, "test", { ttlSeconds: 30, holder: "the successor" });
  paused.child.kill("SIGCONT");
  expect(await paused.next()).toBe("lost");
  paused.child.kill("SIGTERM");
  expect(await paused.next()).toBe("lease-lost");
  await lease.assertHeld();
  await lease.release();
  vault.close();
});

test("a lease that is renewed outlives its TTL many times over, and retention leaves no trail of its versions", async () => {
  const vault = openVault(await newBucket());
  const lease = await acquireLease(vault, "long", { ttlSeconds: 1.5, holder: "us" });
  await sleep(5000);
  expect(lease.lost.aborted).toBe(false);
  await expect(acquireLease(vault, "long", { holder: "others" })).rejects.toMatchObject({ code: "lease-held" });
  await lease.release();
  await expect(lease.assertHeld()).rejects.toMatchObject({ code: "lease-lost" });
  const trail = await versionsBelow(vault.transport, "leases/");
  expect(trail.length).toBeGreaterThan(2);
  expect(await removeLitter(vault, null)).toMatchObject({ deleted: trail.length - 1, kept: 0 });
  expect(await removeLitter(vault, async () => "an incident is on")).toMatchObject({ deleted: 0 });
  expect(await removeLitter(vault, async () => null)).toMatchObject({ deleted: trail.length - 1, kept: 0 });
  expect(await versionsBelow(vault.transport, "leases/")).toEqual([expect.objectContaining({ latest: true })]);
  const again = await acquireLease(vault, "long", { holder: "others" });
  await again.release();
  vault.close();
});

test("a renewal whose answer is lost does not lose the lease", async () => {
  const own = await newBucket();
  await using proxy = await startHttpFaultProxy(own.endpoint);
  using vault = openVault({ ...own, endpoint: proxy.url });
  const first = proxy.loseAnswer({ method: "PUT", url: /leases/ });
  await using lease = await acquireLease(vault, "lossy", { ttlSeconds: 30, holder: "us" });
  expect(first.hits).toBe(1);
  const second = proxy.loseAnswer({ method: "PUT", url: /leases/ });
  await lease.assertHeld();
  expect(second.hits).toBe(1);
  await lease.assertHeld();
});

test("a holder cut off from the store for longer than the TTL knows that it may have lost", async () => {
  const own = await newBucket();
  await using proxy = await startHttpFaultProxy(own.endpoint);
  using vault = openVault({ ...own, endpoint: proxy.url });
  await using lease = await acquireLease(vault, "cut", { ttlSeconds: 2, holder: "us" });
  const cut = proxy.cut({ times: Infinity }, "at-once");
  await new Promise((resolve) => lease.lost.addEventListener("abort", resolve));
  expect(lease.lost.reason).toMatchObject({ code: "lease-lost" });
  cut.remove();
  await expect(lease.assertHeld()).rejects.toMatchObject({ code: "lease-lost" });
});
