import { ConfigurationError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/flow/clock.ts";
import { refOfAddress } from "../../../config/connection-url.ts";
import { readRestoreTestEnvironment } from "../../../config/environment.ts";
import { type ManagementApi, openManagementApi } from "../../../supabase/management-api.ts";
import type { Context } from "../../context.ts";
import { apiPatience } from "./work.ts";

/** The project that goes back, and the way to ask for it. */
export interface InPlace {
  readonly ref: string;
  readonly api: ManagementApi;
}

/**
 * Which project is meant, by every name that the settings have.
 * @throws ConfigurationError `project-ref-missing`, `api-token-missing`, `target-is-production`, `source-other-project`
 */
export function openInPlace(context: Context, typed: string | undefined, clock: Clock, signal: AbortSignal): InPlace {
  const { projectRef, source, env } = context.config("source");
  const { api } = readRestoreTestEnvironment(env);
  if (projectRef === null)
    throw new ConfigurationError(
      "project-ref-missing",
      "SUPABASE_PROJECT_REF is not set.",
      "Set it to the ref of the project.",
    );
  if (api === undefined)
    throw new ConfigurationError(
      "api-token-missing",
      "A recovery to a point in time is asked for with SUPABASE_ACCESS_TOKEN, and it is not set.",
      "Set a token that may write the project's backups (backups_write); or ask in the dashboard: Database, Backups, Point in time.",
    );
  if (typed?.trim().toLowerCase() !== projectRef)
    throw new ConfigurationError(
      "target-is-production",
      `This overwrites project ${projectRef}, and there is no way back.`,
      `Type its ref: --production ${projectRef}.`,
    );
  const other = refOfAddress(source.host, source.user);
  if (other !== undefined && other !== projectRef)
    throw new ConfigurationError(
      "source-other-project",
      `DATABASE_URL leads to project ${other}, and SUPABASE_PROJECT_REF is ${projectRef}: nothing could be proven from inside.`,
      "Correct one of them.",
    );
  return {
    ref: projectRef,
    api: openManagementApi({ ...api, clock, signal, patience: apiPatience, requestSeconds: 15 }),
  };
}
