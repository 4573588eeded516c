import { LifeboatError } from "../../base/errors.ts";
import { StoreFailure, saidIn } from "../../s3/store-errors.ts";

/** What ended an operation on one file, in words that name neither its path nor its bucket's contents. */
export interface FileFailure {
  readonly why: string;
  readonly next: string | undefined;
}

/** Errors about the vault name what was asked for: of a store only its answer is told. */
export function failureOf(error: unknown): FileFailure {
  if (!(error instanceof LifeboatError)) return { why: "the transfer broke off", next: undefined };
  if (!(error instanceof StoreFailure)) return { why: error.code, next: error.next };
  const said = saidIn(error.answer);
  if (error.answer.code === "EntityTooLarge") {
    const next =
      "Raise the project's upload size limit (dashboard, Storage, Settings), then run the same command again.";
    return { why: `it is larger than the project takes: ${said}`, next };
  }
  if (error.answer.code === "InvalidKey")
    return { why: `the project does not take its name: ${said}`, next: undefined };
  return { why: `the endpoint answers ${said}`, next: undefined };
}
