import { OperationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import type { Signer } from "../../../seal/keys/keyring.ts";
import { objectStates } from "../../../vault/bucket/thaw.ts";
import type { Artifact } from "../../../vault/format/manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import type { OpenSet } from "../../../vault/sets/open-set.ts";
import { refuseFrozen, thawSet } from "../../thaw/thaw-set.ts";
import { verifySet } from "../../verify/verify.ts";

interface Reading {
  readonly thaw?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/** A weekly set's JSON export and the project's configuration are for other purposes: a restore does not wait for their bytes. */
const unneeded: ReadonlySet<Artifact["kind"]> = new Set(["json", "configuration"]);

/** An archive is thawed when that was asked for; otherwise it is refused before the target is looked at. */
export async function makeReadable(vault: Vault, open: OpenSet, { thaw, dryRun, log, signal }: Reading): Promise<void> {
  if (thaw === true && dryRun !== true) {
    await thawSet(vault, open, { tier: "Standard", days: 7, dryRun: false, wait: true, log, signal });
  }
  const needed = open.manifest.artifacts.filter(({ kind }) => !unneeded.has(kind));
  refuseFrozen(open.set, await objectStates(vault, open.prefix, needed));
}

/**
 * Every stored byte is checked before the first is written: a damaged set must not leave half a database behind. What is wrong
 * with Vault's secrets is told of them, when they are opened: it must not keep all else from being restored.
 */
export async function refuseDamaged(
  vault: Vault,
  open: OpenSet,
  trustedSigners: readonly Signer[],
  { log, signal }: Pick<Reading, "log" | "signal">,
): Promise<void> {
  const result = await verifySet(
    vault,
    { tier: open.tier, set: open.set },
    { trustedSigners, deep: false, signal, leaveOut: new Set<Artifact["kind"]>([...unneeded, "secrets"]) },
    log,
  );
  if (result.outcome === "whole") return;
  const damage = result.findings.filter(({ severity }) => severity === "damage");
  throw new OperationError(
    "set-damaged",
    `Set ${open.set} is damaged: ${damage.map(({ where, what }) => `${where}: ${what}`).join("; ")}.`,
    "Restore another set (`lifeboat list`); nothing has been written to the target.",
  );
}
