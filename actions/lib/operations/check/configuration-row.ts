import { LifeboatError } from "../../base/errors.ts";
import { countOf, few } from "../../base/measures.ts";
import { readManagementApi } from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import { captureConfiguration } from "../../supabase/configuration/capture.ts";
import { gapsIn } from "../../supabase/configuration/document.ts";
import { openManagementApi } from "../../supabase/management-api.ts";
import { type CheckRow, ok, warn } from "./check-row.ts";

const check = "configuration";
const page = "runbooks/configuration.md";
const patience = { attempts: 2, baseMillis: 1000, capMillis: 5000 };
/** Nobody waits longer for a preflight. */
const longestMillis = 60_000;

/**
 * Whether a set would have the project's configuration: all of it is asked for as a backup does, and nothing is kept; bodies of functions
 * need the right that their list needs. A backup runs without, so nothing here fails.
 */
export async function checkConfiguration(
  { env, projectRef, policy }: Pick<Config, "env" | "projectRef" | "policy">,
  signal: AbortSignal,
): Promise<CheckRow> {
  try {
    const settings = readManagementApi(env);
    if (settings === undefined || projectRef === null)
      return warn(
        check,
        `${settings === undefined ? "SUPABASE_ACCESS_TOKEN" : "SUPABASE_PROJECT_REF"} is not set: sets have none of it`,
        `Make a token that only reads, and set both: ${page} lists its rights.`,
      );
    const until = AbortSignal.timeout(longestMillis);
    const { sections, fields } = await captureConfiguration({
      api: openManagementApi({
        ...{ ...settings, patience, spacing: 100, requestSeconds: 10 },
        signal: AbortSignal.any([signal, until]),
      }),
      ...{ ref: projectRef, readAt: new Date(), signal, patience: until },
      ...(policy.recovery.configuration.vaultRootKey && { keepRootKey: async () => undefined }),
    });
    const gaps = [...gapsIn({ sections, functions: [] })];
    if (gaps.length === 0)
      return ok(check, `${countOf(sections.length, "part")} with ${countOf(fields.length, "setting")} can be read`);
    const found = gaps.map(([why, parts]) => `${few(parts, 20)} (${why})`).join("; ");
    return warn(
      check,
      `a set would lack ${countOf(gaps.flatMap(([, parts]) => parts).length, "part")}: ${found}`,
      `Give the token what it lacks: ${page} lists its rights, all of them to read.`,
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LifeboatError)) throw error;
    return warn(check, error.message, error.next ?? `${page}.`);
  }
}
