import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";

/** `lifeboat keys <generate|check|rewrap>`: which of the three decides which module is loaded. */
async function run(call: Call): Promise<Outcome> {
  const [action] = call.positionals;
  switch (action) {
    case "generate":
      return (await import("./keys-generate.ts")).generate(call);
    case "check":
      return (await import("./keys-check.ts")).check(call);
    case "rewrap":
      return (await import("./keys-rewrap.ts")).rewrap(call);
    default: {
      const next = "It is 'lifeboat keys generate', 'lifeboat keys check' or 'lifeboat keys rewrap'.";
      throw new ConfigurationError("usage", `'keys' does not know '${action}'.`, next);
    }
  }
}

export const keys: Command = {
  usage: {
    synopsis: "keys <generate|check|rewrap>",
    summary: "Makes the four keys, checks them against the policy's pins, changes who can open existing sets.",
    positionals: ["generate|check|rewrap"],
    options: {
      out: { type: "string", value: "FOLDER", help: "generate: where the private keys go; outside of this repository" },
      role: {
        type: "string",
        value: "ROLES",
        help: "generate: only these, e.g. operations,escrow (all four unless told)",
      },
      years: { type: "string", value: "N", help: "generate: how long the keys are valid (2 unless told)" },
      pin: { type: "boolean", help: "generate: write the new fingerprints into the policy" },
      set: { type: "string", value: "SET", help: "rewrap: only this set (all sets unless told)" },
      ...dryRun,
    },
    details: [
      "generate  writes public halves to .github/keys, private ones with their passphrases to FOLDER. A passphrase of",
      "          your own is taken from OPERATIONS_KEY_PASSPHRASE, PROVER_…, ESCROW_…, SIGNING_KEY_PASSPHRASE.",
      "check     holds the public keys (BACKUP_PUBLIC_KEYS or .github/keys) against the pins of the policy.",
      "rewrap    seals the session keys of existing sets to the recipients that are pinned now, by rewriting keys.pgp",
      "          alone; reads the vault's settings, RESTORE_PRIVATE_KEY and BACKUP_SIGNING_KEY.",
    ].join("\n"),
  },
  run,
};
