import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { dryRun, field, flag, why } from "../field.ts";
import { defineOperation } from "../operation.ts";

export default defineOperation({
  name: "keys",
  summary: "Makes the four keys, checks them against the policy's pins, changes who can open existing sets.",
  details: [
    "generate  writes public halves to .github/keys, private ones with their passphrases to FOLDER. A passphrase of",
    "          your own is taken from OPERATIONS_KEY_PASSPHRASE, PROVER_…, ESCROW_…, SIGNING_KEY_PASSPHRASE.",
    "check     holds the public keys (BACKUP_PUBLIC_KEYS or .github/keys) against the pins of the policy.",
    "rewrap    seals the session keys of existing sets and of repairs, and the key of the ledger of erasures, to the recipients that are",
    "          pinned now; reads the vault's settings, RESTORE_PRIVATE_KEY and BACKUP_SIGNING_KEY.",
  ].join("\n"),
  inputs: z.object({
    action: field(z.enum(["generate", "check", "rewrap"]), { positional: true, help: "what to do with the keys" }),
    out: field(z.string().optional(), {
      ...{ value: "FOLDER", help: "generate: where the private keys go; outside of this repository" },
    }),
    role: field(z.string().optional(), {
      ...{ value: "ROLES", help: "generate: only these, e.g. operations,escrow (default: all four)" },
    }),
    years: field(z.coerce.number().default(2), {
      ...{ value: "N", help: "generate: how long the keys are valid (default: 2)", form: "a number of years" },
    }),
    pin: flag("generate: write the new fingerprints into the policy"),
    set: field(z.string().optional(), {
      value: "SET",
      help: "rewrap: only this set (default: all sets, repairs, ledger)",
    }),
    ...why,
    ...dryRun,
  }),
  needs: ({ action }) => (action === "rewrap" ? ["vault", "opening", "signing"] : []),
  refuse({ action, out }) {
    if (action !== "generate" || out !== undefined) return;
    const next = "Give a folder outside of this repository with --out, best on a medium that can be taken away.";
    throw new ConfigurationError("usage", "'keys generate' needs to know where the private keys go.", next);
  },
  writes: ["folder", "vault"],
  looks: ({ action }) => action !== "rewrap",
  forgets: ({ action }) =>
    action === "rewrap" ? "rewrap overwrites the keys of sets and removes the old ones" : undefined,
  interrupted: {
    left: "Every set can be opened as before or as it is meant to be.",
    next: "Run it again: it finishes what is left.",
  },
  async run(context, { action, out = "", role, years, pin, set, dryRun }) {
    switch (action) {
      case "generate":
        return (await import("./generate.ts")).generate(context, { out, role, years, pin, dryRun });
      case "check":
        return (await import("./page.ts")).checkPins(context);
      case "rewrap":
        return (await import("./page.ts")).rewrap(context, { set, dryRun });
    }
  },
});
