import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { dryRun, field, target } from "../field.ts";
import { defineOperation, vaultNeeds } from "../operation.ts";

export default defineOperation({
  name: "sentinels",
  summary: "Says whether a database writes a row a minute by which a recovery can be proven; installs or removes them.",
  details: [
    "status   reads DATABASE_URL: whether there are sentinels, and how old the newest is.",
    "install  runs runbooks/sql/sentinels.sql at the target, as postgres: the schema lifeboat, a small table, a job of pg_cron.",
    "         Running it again changes nothing. Production's ref has to be typed (--production).",
    "remove   takes all of it out again. Refused while an incident is on.",
  ].join("\n"),
  inputs: z.object({
    action: field(z.enum(["status", "install", "remove"]).default("status"), {
      ...{ positional: true, value: "install|remove", help: "what to do (default: say whether there are any)" },
    }),
    ...target,
    production: field(z.string().optional(), {
      ...{ value: "REF", help: "the target is the project that is backed up: its ref, typed" },
    }),
    ...dryRun,
  }),
  needs: ({ action }, env) =>
    action === "status" ? ["source"] : action === "install" ? ["target"] : ["target", ...vaultNeeds(env)],
  refuse({ action, production, dryRun }) {
    if (action === "status" && (production !== undefined || dryRun))
      throw new ConfigurationError("usage", "production and dry-run go with install or remove.", "Say which.");
  },
  writes: ["target"],
  looks: ({ action }) => action === "status",
  forgets: ({ action }) => (action === "remove" ? "removes the rows by which a recovery is proven" : undefined),
  interrupted: { left: "Each is one transaction: all of it was done, or nothing.", next: "Run it again." },
  async run(context, { action, production, dryRun }) {
    const { log, signal } = context;
    const sentinels = await import("./run-sentinels.ts");
    if (action === "status") return sentinels.status(context.config("source"), log, signal);
    const gate = action === "remove" ? await context.incidentGate() : undefined;
    const config = context.config("target");
    return sentinels.change(action, { config, production, dryRun, gate, log, signal });
  },
});
