import { setTimeout as sleep } from "node:timers/promises";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { acquireLease } from "../../../actions/lib/vault/lease/lease.ts";
import { openVault, type VaultSettings } from "../../../actions/lib/vault/s3/client.ts";

// A process that takes a lease and keeps it until it is killed. Says on standard output what happens, a word a line.
const settings: VaultSettings = JSON.parse(process.env["LEASE_VAULT"] ?? "{}");
const say = (word: string) => void process.stdout.write(`${word}\n`);

const vault = openVault(settings);
try {
  const lease = await acquireLease(vault, "test", { ttlSeconds: Number(process.argv[2]), holder: "a test's process" });
  say("held");
  lease.lost.addEventListener("abort", () => say("lost"));
  process.on("SIGTERM", async () => {
    const held = await lease.assertHeld().then(
      () => "still-held",
      (error: unknown) => (error instanceof LifeboatError ? error.code : "failed"),
    );
    say(held);
    await lease.release();
    process.exit(0);
  });
  await sleep(120_000);
} catch (error) {
  say(error instanceof LifeboatError ? error.code : String(error));
}
vault.close();
