import { z } from "zod";
import { hasReplica } from "../../config/vault-location.ts";
import { dryRun, field, reason, reasonField } from "../field.ts";
import { defineOperation, vaultNeeds, when } from "../operation.ts";

export default defineOperation({
  name: "release",
  summary: "Ends the holds on a set: retention may remove it again when its time has come.",
  details: [
    "Adds a signed release to the register and lifts the store's legal hold from every object that no other hold needs, in the",
    "vault and in the replica. Reads the same settings as `hold`, and needs RESTORE_PRIVATE_KEY and",
    "RESTORE_PASSPHRASE of the operations or escrow key, which sign it.",
  ].join("\n"),
  inputs: z.object({
    set: field(z.string(), { positional: true, value: "set", help: "id of the set, or of the snapshot of the files" }),
    reason: field(reason, { ...reasonField, help: "why it may go again" }),
    ...dryRun,
  }),
  needs: (_, env) => [...vaultNeeds(env), ...when(hasReplica(env), "replica")],
  writes: ["vault"],
  forgets: () => "ends holds, so that sets may go",
  interrupted: {
    left: "The holds may have ended while the store's legal hold is still on some objects: they stay.",
    next: "Run it again: it finishes what is left.",
  },
  runbook: "runbooks/holds.md",
  reported: { label: "Release of a hold" },
  async run(context, { set, reason, dryRun }) {
    const { reportRelease, runRelease } = await import("./run-release.ts");
    return reportRelease(set, await runRelease(context, { set, reason, dryRun }), dryRun);
  },
});
