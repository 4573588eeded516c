import { releaseVerifier } from "../../vault/configured.ts";
import { olderThan, readLedger } from "../../vault/erasures/ledger.ts";
import type { Manifest } from "../../vault/format/manifest.ts";
import type { SetWriterOptions } from "./set-keys.ts";

/**
 * How far the ledger of erasures goes, for the manifest. One that is not whole, or older than what the set before has noted, stops no
 * backup: it is warned of, and what was noted is noted again, so that every restore knows.
 */
export async function notedErasures(
  { vault, config }: Pick<SetWriterOptions, "vault" | "config">,
  last: Manifest | undefined,
  warn: (text: string) => void,
): Promise<Pick<Manifest, "erasures">> {
  const ledger = await readLedger(vault, await releaseVerifier(config));
  for (const alarm of ledger.alarms) warn(alarm);
  const wrong = ledger.broken ?? olderThan(ledger, last?.erasures);
  if (wrong !== null)
    warn(`ALARM: the ledger of erasures cannot be relied on: ${wrong}. No restore is proven until it is whole again.`);
  const head = wrong === null ? ledger.head : last?.erasures;
  return head ? { erasures: head } : {};
}
