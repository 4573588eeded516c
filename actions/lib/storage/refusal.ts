import { ConfigurationError, LifeboatError } from "../base/errors.ts";
import type { ProjectStorage } from "../config/environment.ts";
import { readAnswer, StoreFailure, saidIn } from "../s3/store-errors.ts";

/** Whose files they are: a target is written as well, and its settings are named otherwise. */
export type Side = "source" | "target";

/**
 * What ended a request to a project's endpoint, in words that name neither a file nor a bucket. Settings that are wrong are
 * wrong for every file: then nothing more is tried.
 *
 * @returns ConfigurationError `storage-refused` or `target-storage-refused`, `target-mixed`; else StoreFailure
 */
export function refusedBy(storage: ProjectStorage, side: Side, operation: string, error: unknown): LifeboatError {
  if (error instanceof LifeboatError) return error;
  const { prefix, region } = storage;
  const answer = readAnswer(error);
  const { verdict, status } = answer;
  const whose = side === "source" ? "project" : "target";
  if (side === "target" && verdict === "no-bucket") {
    return new ConfigurationError(
      "target-mixed",
      "The target's storage endpoint does not know a bucket that is in the target's database: they belong to different projects.",
      `Make ${prefix}_STORAGE_ENDPOINT and ${prefix}_DATABASE_URL those of one project.`,
    );
  }
  // Wrong key and wrong region are answered alike (observed): AccessDenied, InvalidAccessKeyId or SignatureDoesNotMatch.
  const settings = verdict === "credentials" || verdict === "denied" || verdict === "region";
  if (settings || status === 401 || status === 403) {
    return new ConfigurationError(
      side === "source" ? "storage-refused" : "target-storage-refused",
      `The ${whose}'s S3 endpoint refuses the access key or the region ${region}: ${saidIn(answer)}.`,
      `Set ${prefix}_STORAGE_REGION to the project's region and ${prefix}_STORAGE_ACCESS_KEY_ID and _SECRET_ACCESS_KEY to an S3 access key of the project (dashboard, Storage, S3).`,
    );
  }
  const code = verdict === "missing" ? "s3-missing" : verdict === "again" ? "s3-unavailable" : "s3-refused";
  return new StoreFailure(
    answer,
    code,
    `${operation} at the ${whose}'s storage endpoint: ${saidIn(answer)}`,
    "Look at the project's health and at the network between, then run the same command again: it goes on where it stopped.",
  );
}

/** What an answer turns out to be by its content, where the endpoint says that all is well. Another attempt helps where no status is told. */
export function trouble(code: string, status?: number): StoreFailure {
  const answer = { verdict: status === undefined ? "again" : "final", code, status, region: undefined } as const;
  const kind = status === undefined ? "s3-unavailable" : "s3-refused";
  return new StoreFailure(answer, kind, `A file of the project's storage endpoint: ${saidIn(answer)}`);
}
