import { ConfigurationError, LifeboatError, OperationError } from "../../base/errors.ts";

/** What ended an operation on one file, in words that name neither its path nor its bucket's contents. */
export interface FileFailure {
  readonly why: string;
  readonly next: string | undefined;
}

/** Our errors about the target's endpoint name the path that was asked for: only the store's answer is taken from them. */
export function failureOf(error: unknown): FileFailure {
  if (!(error instanceof LifeboatError)) return { why: "the transfer broke off", next: undefined };
  if (!error.code.startsWith("s3-")) return { why: error.code, next: error.next };
  const said = answerIn(error);
  if (said.includes("EntityTooLarge")) {
    const next =
      "Raise the project's upload size limit (dashboard, Storage, Settings), then run the same command again.";
    return { why: `it is larger than the project takes: ${said}`, next };
  }
  if (said.includes("InvalidKey")) return { why: `the project does not take its name: ${said}`, next: undefined };
  return { why: `the endpoint answers ${said}`, next: undefined };
}

/** The same error in words that may stand in a log. */
export function withoutPath(error: unknown, operation: string): unknown {
  if (!(error instanceof OperationError)) return error;
  return new OperationError(
    error.code,
    `${operation} at the target's storage endpoint: ${answerIn(error)}`,
    "Look at the project's health and at the network between, then run the same command again: it goes on where it stopped.",
  );
}

function answerIn(error: LifeboatError): string {
  if (error.code === "s3-missing") return "NoSuchKey (404)";
  return /(\w+ \(\d{3}\)|\w+)$/.exec(error.message)?.[1] ?? error.code;
}

/** Settings of the target that are wrong are wrong for every file: then nothing more is tried. */
export function settingsFailure(error: unknown, prefix: string): ConfigurationError | undefined {
  if (!(error instanceof ConfigurationError)) return undefined;
  if (error.code === "s3-bucket-missing") {
    return new ConfigurationError(
      "target-mixed",
      "The target's storage endpoint does not know a bucket that is in the target's database: they belong to different projects.",
      `Make ${prefix}_STORAGE_ENDPOINT and ${prefix}_DATABASE_URL those of one project.`,
    );
  }
  return new ConfigurationError(
    "target-storage-refused",
    `The target's storage endpoint refuses: ${answerIn(error)}.`,
    `Check ${prefix}_STORAGE_REGION (the project's own region), ${prefix}_STORAGE_ACCESS_KEY_ID and ${prefix}_STORAGE_SECRET_ACCESS_KEY.`,
  );
}
