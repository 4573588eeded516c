import { z } from "zod";
import { dryRun, field, flag, from } from "../field.ts";
import { defineOperation } from "../operation.ts";

export default defineOperation({
  name: "thaw",
  summary: "Brings an archived set back from Glacier for some days, after telling the time and the price.",
  details: [
    "Reads S3_BACKUP_BUCKET and the AWS_* settings. 'latest' is the newest archive. All objects are asked for at once; it",
    "can be interrupted and run again at any time.",
  ].join("\n"),
  inputs: z.object({
    set: field(z.string(), { positional: true, value: "set|latest", help: "id of the set, or latest" }),
    tier: field(z.preprocess(capitalized, z.enum(["Standard", "Bulk", "Expedited"])).default("Standard"), {
      value: "TIER",
      help: "Standard (default), Bulk (slower, cheaper) or Expedited",
      form: "Standard, Bulk or Expedited",
    }),
    days: field(z.coerce.number().int().min(1).max(90).default(7), {
      ...{ value: "N", help: "how long the copies stay readable (default: 7)", form: "a whole number from 1 to 90" },
    }),
    ...from,
    wait: flag("come back only when everything can be read"),
    ...dryRun,
  }),
  needs: () => ["vault"],
  writes: ["vault"],
  interrupted: {
    left: "What the store was asked for is on its way all the same.",
    next: "Run it again: it asks for the rest.",
  },
  async run(context, { set: ref, tier, days, wait, dryRun }) {
    const { resolveSet } = await import("../../vault/sets/catalogue.ts");
    const { readSignedSet } = await import("../../vault/sets/open-set.ts");
    const { thawSentence, thawSet } = await import("./thaw-set.ts");
    const { log, signal } = context;
    const vault = await context.vault();
    const { manifestVerifier } = await import("../../vault/configured.ts");
    const marks = { verify: await manifestVerifier(context.config()), passedOver: log.warn };
    const found = await resolveSet(vault, ref, { ...marks, ...(ref === "latest" && { tier: "monthly" as const }) });
    const signed = await readSignedSet(vault, found, await context.signers());
    const { announceUse } = await import("../../vault/holds/uses.ts");
    using _use = dryRun ? undefined : await announceUse(vault, { set: found.set, operation: "thaw" }, log);
    const result = await thawSet(vault, signed, { tier, days, dryRun, wait, log, signal });
    return { result, lines: [thawSentence(result)] };
  },
});

function capitalized(text: unknown): unknown {
  return typeof text === "string" ? text.charAt(0).toUpperCase() + text.slice(1).toLowerCase() : text;
}
