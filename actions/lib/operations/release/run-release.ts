import { ConfigurationError } from "../../base/errors.ts";
import { countOf } from "../../base/measures.ts";
import { signatureCounts } from "../../seal/keys/signature.ts";
import { releaseSigner, releaseVerifier } from "../../vault/configured.ts";
import { setIdPattern } from "../../vault/format/manifest.ts";
import { type Released, releaseHolds } from "../../vault/holds/release.ts";
import type { Context } from "../context.ts";
import { failuresOf, partsTable } from "../hold/page.ts";
import { holdVaults } from "../hold/run-hold.ts";
import type { Told } from "../operation.ts";

interface ReleaseRequest {
  readonly set: string;
  readonly reason: string;
  readonly dryRun: boolean;
}

/** @throws ConfigurationError `set-id`, `release-unsigned`; and as `releaseHolds` */
export async function runRelease(context: Context, { set, reason, dryRun }: ReleaseRequest): Promise<Released> {
  if (!setIdPattern.test(set))
    throw new ConfigurationError(
      "set-id",
      "What is released is named like 20261122T221500Z-1a2b3c4d",
      "See `lifeboat holds` for the names.",
    );
  const config = context.config();
  const sign = await releaseSigner(context.env);
  const verify = await releaseVerifier(config);
  const unsigned = (why: string) =>
    new ConfigurationError(
      "release-unsigned",
      `Nothing is released: ${why}`,
      "Set RESTORE_PRIVATE_KEY, the operations or escrow key that the policy pins. The signing key of the jobs releases nothing.",
    );
  if (sign === undefined) throw unsigned("a release counts only with a signature, and there is no key that signs.");
  // Before anything is written: a release that nobody believes would only be an alarm.
  if (!(await signatureCounts(sign, verify))) throw unsigned("the key that is set may not release holds.");
  const options = { vaults: await holdVaults(context), verify, sign, reason, by: context.who, dryRun };
  return releaseHolds(set, { ...options, signal: context.signal, gate: await context.incidentGate() });
}

/** What was released, for people and for reports. */
export function reportRelease(set: string, released: Released, dryRun: boolean): Told {
  const { ended, parts, stays } = released;
  const lifted = countOf(
    parts.reduce((sum, part) => sum + (dryRun ? part.held : part.changed), 0),
    "object version",
  );
  const holds = ended.length === 0 ? `Nothing held ${set} any more` : `${countOf(ended.length, "hold")} on ${set}`;
  const page = {
    title: "Release of a hold",
    sentence: dryRun
      ? `Dry run: ${holds} would end, and the store's legal hold would go from up to ${lifted}; nothing was changed.`
      : `${holds}${ended.length === 0 ? "" : " ended"}; the store's legal hold was lifted from ${lifted}.`,
    tables: [partsTable(parts, "without it", "lifted")],
    notes: [...(stays === null ? [] : [`The store's legal holds stay: ${stays}.`]), ...failuresOf(parts)],
  };
  const failed = parts.reduce((sum, part) => sum + part.failed.length + part.untried, 0);
  // What lets go is told, so that somebody can object.
  const done: Told = { result: released, page, ...(!dryRun && ended.length > 0 && { news: "over" }) };
  if (failed === 0 && stays === null) return done;
  return {
    ...done,
    failure: {
      code: "release-incomplete",
      message:
        stays === null
          ? `${countOf(failed, "object")} still have the store's legal hold.`
          : `The store's legal holds stay: ${stays}.`,
      next: `Put right what is named, then run \`lifeboat release ${set} --reason …\` again: runbooks/holds.md.`,
    },
  };
}
