import { OperationError } from "../../base/errors.ts";

const restoreAnother =
  "Fetch it again; if it stays so, the stored object is damaged: use another set, and `lifeboat verify` to see which are whole.";

/** The ways in which something sealed does not open. Each is final: what was handed on before must be thrown away. */
export const damage = {
  empty: (): OperationError =>
    new OperationError("sealed-empty", "The sealed artifact has no bytes at all.", restoreAnother),
  truncated: (where: string): OperationError =>
    new OperationError("sealed-truncated", `The sealed artifact ends too early: ${where}.`, restoreAnother),
  modified: (): OperationError =>
    new OperationError(
      "sealed-modified",
      "The sealed artifact was changed after it was sealed: its integrity check fails.",
      restoreAnother,
    ),
  wrongKey: (): OperationError =>
    new OperationError(
      "sealed-with-another-key",
      "The session key does not open the artifact (or its first bytes are damaged).",
      "Check that keys.pgp and the artifact belong to the same set.",
    ),
  trailing: (where: string): OperationError =>
    new OperationError("sealed-trailing-bytes", `The sealed artifact goes on after its end: ${where}.`, restoreAnother),
  foreign: (what: string): OperationError =>
    new OperationError("sealed-unreadable", `The artifact is not in the sealed form: ${what}.`, restoreAnother),
  compression: (what: string, cause?: unknown): OperationError =>
    new OperationError("compressed-damaged", `The compressed data is damaged: ${what}.`, restoreAnother, cause),
};
