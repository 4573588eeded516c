import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { hasReplica } from "../../config/vault-location.ts";
import { dryRun, field, flag, reason, reasonField } from "../field.ts";
import { defineOperation, vaultNeeds, when } from "../operation.ts";

export default defineOperation({
  name: "incident",
  summary:
    "Begins or ends an incident, during which nothing is forgotten; without begin or end says whether one is on.",
  details: [
    "begin   from now on retention, wipes of staging, keys rewrap, releases and --overwrite are refused; backups go on under a",
    "        mark, and none of them counts as the newest good one. Holds the newest verified and the newest proven set, keeps",
    "        evidence of the database and makes a set. Only the vault has to be reached for it.",
    "end     lets all of that go on again; needs RESTORE_PRIVATE_KEY of operations or escrow, which signs it, and",
    "        SUPABASE_ACCESS_TOKEN where the Data API was switched off.",
    "Reads S3_BACKUP_BUCKET, S3_STORAGE_BUCKET (one of them is enough) and the AWS_* settings; for evidence and the set what a",
    "backup reads; for --api-off SUPABASE_PROJECT_REF, SUPABASE_ACCESS_TOKEN and a key that signs. Never changes a bucket.",
  ].join("\n"),
  inputs: z.object({
    action: field(z.enum(["status", "begin", "end"]).default("status"), {
      ...{ positional: true, value: "begin|end", help: "what to do (default: say whether one is on)" },
    }),
    reason: field(reason.optional(), { ...reasonField, help: "why it begins, or why it is over; no personal data" }),
    apiOff: flag("begin: switch Supabase's Data API off. end: leave it off"),
    noSet: flag("begin: take no set now", { actionDefault: "true" }),
    ...dryRun,
  }),
  needs: ({ action }, env) => [...vaultNeeds(env), ...when(action === "begin" && hasReplica(env), "replica")],
  refuse({ action, reason, apiOff, dryRun }) {
    if (action !== "status" && reason === undefined) {
      const next = `Say it in a few words: \`lifeboat incident ${action} --reason "…"\`.`;
      throw new ConfigurationError("usage", `incident ${action} needs a reason.`, next);
    }
    if (action === "status" && (reason !== undefined || apiOff || dryRun))
      throw new ConfigurationError("usage", "reason, api-off and dry-run go with begin or end.", "Say which.");
  },
  // A begin does not wait for minutes for one bucket of two.
  retry: { attempts: 5, totalSeconds: 25, stallSeconds: 10, attemptSeconds: 20 },
  writes: ["source", "vault"],
  looks: ({ action }) => action === "status",
  interrupted: {
    left: "`lifeboat incident` says whether it is on; what begins it is written first, what ends it last.",
    next: "Run the same command again.",
  },
  runbook: "runbooks/incident.md",
  reported: { label: "Incident", workflows: ["incident"] },
  action: { folder: "incident", name: "Begin or end an incident" },
  outputs: {
    incident: "Id of the incident that was begun or ended, or is on; empty where none is",
    on: "true when an incident is on after this run",
  },
  async run(context, { action, reason = "", apiOff, noSet, dryRun }) {
    if (action === "status") {
      const { readStates } = await import("./vaults.ts");
      const { reportStatus } = await import("./page.ts");
      return reportStatus(await readStates(context), context.config().policy);
    }
    if (action === "end") {
      const { endRun } = await import("./end.ts");
      const { reportEnd } = await import("./page.ts");
      return reportEnd(await endRun(context, { reason, leaveApiOff: apiOff, dryRun }));
    }
    const { beginRun } = await import("./begin.ts");
    const { reportBegin } = await import("./page.ts");
    const begun = await beginRun(context, { reason, apiOff, dryRun });
    if (noSet || dryRun) return reportBegin(begun, undefined, context.config().policy);
    const { takeSet } = await import("./take-set.ts");
    // A set may take hours: what somebody has to do now is said now, and once more at the end.
    for (const note of reportBegin(begun, undefined, context.config().policy).page?.notes ?? []) context.log.warn(note);
    context.log.warn("A set is made now, under the mark. Whatever ends it, the incident stays on.");
    return reportBegin(begun, await takeSet(context), context.config().policy);
  },
});
