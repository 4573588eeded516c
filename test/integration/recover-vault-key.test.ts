import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../actions/lib/config/problems.ts";
import type { HandOver } from "../../actions/lib/operations/recover/complete-loss/hand-over.ts";
import { openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { execute, withClient } from "../lab/index.ts";
import { type LossLab, openLossLab } from "./loss-lab.ts";

/** A project is lost whose backup role could not open Vault's secrets: its sets have the ciphertext, and the root key. */

let lab: LossLab;

beforeAll(async () => {
  lab = await openLossLab("lost_vault", {
    policy: (policy) => ({ ...policy, recovery: { ...policy.recovery, configuration: { vaultRootKey: true } } }),
  });
  await lab.backing.adopt(lab.production, lab.source);
  const api = openManagementApi({ url: lab.supabase.url, token: new Secret(lab.supabase.token), spacing: 0 });
  await api.send("PUT", `/v1/projects/${lab.production.ref}/pgsodium`, { root_key: "7c".repeat(32) });
  await execute(
    lab.source.superuserUrl,
    "revoke execute on function vault._crypto_aead_det_decrypt from lifeboat_backup",
  );
  await withClient(lab.source.postgresUrl, (client) =>
    client.query("select vault.create_secret('what only Vault knew', 'payments')"),
  );
  await lab.backUp();
  lab.supabase.world.projects.delete(lab.production.ref);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

test("a recovery brings the root key before the rows, and the secrets that it opens after them", async () => {
  const { told, lines } = await lab.recover({ scenario: "complete-loss", migrations: lab.migrations });
  const over = told.result as HandOver;
  // Every project of the lab lets the backup role decrypt; this one did not.
  expect(over.restored.wrong).toEqual([expect.stringMatching(/det_decrypt.* gained EXECUTE to lifeboat_backup$/)]);
  const [project] = lab.made();
  const { postgresUrl } = lab.backing.lab(project?.ref ?? "");
  const { rows } = await withClient(postgresUrl, (client) =>
    client.query("select decrypted_secret as secret from vault.decrypted_secrets where name = 'payments'"),
  );
  expect(rows).toEqual([{ secret: "what only Vault knew" }]);
  expect(JSON.stringify(told)).toMatch(/\d+ of \d+ Vault secrets? whose value the backup could not read are here/);
  const everything = [...lines, JSON.stringify(told)].join("\n");
  for (const secret of ["what only Vault knew", "7c".repeat(32)]) expect(everything).not.toContain(secret);
}, 300_000);
