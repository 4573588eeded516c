/**
 * The two ways in which an operation ends badly.
 *
 * `ConfigurationError`: what was asked for cannot be done as it stands (wrong use, wrong settings, a gate that refuses).
 * Nothing has been written. Exit code 2.
 * `OperationError`: the work began and did not end well. Exit code 1.
 *
 * Both carry `next`, the sentence that says what to do now. Neither ever carries a row's values, a secret or a
 * connection string: messages are built from SQLSTATE, object names and our own words only.
 */
export class LifeboatError extends Error {
  override readonly name: string = "LifeboatError";
  readonly exitCode: 1 | 2;
  readonly code: string;
  readonly next: string | undefined;

  constructor(exitCode: 1 | 2, code: string, message: string, next?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
    this.code = code;
    this.next = next;
  }
}

export class ConfigurationError extends LifeboatError {
  override readonly name = "ConfigurationError";
  /** @param code stable kebab-case name of the problem, e.g. `recipient-unpinned` */
  constructor(code: string, message: string, next?: string, cause?: unknown) {
    super(2, code, message, next, cause);
  }
}

export class OperationError extends LifeboatError {
  override readonly name = "OperationError";
  /** @param code stable kebab-case name of the problem, e.g. `dump-failed` */
  constructor(code: string, message: string, next?: string, cause?: unknown) {
    super(1, code, message, next, cause);
  }
}

/** SQLSTATE of a server's error, or the code of Node's network and TLS errors. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/**
 * What may be said of a Postgres error: its SQLSTATE. Message, detail and context carry values of rows
 * (`Key (email)=(…) already exists`), so they are never taken over.
 *
 * @returns five characters, or `none` when the error did not come from the server
 */
export function sqlState(error: unknown): string {
  const code = errorCode(error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : "none";
}

/** What an SQLSTATE means for a run, in our words: the server's own text may carry rows. */
const meanings: Readonly<Record<string, string>> = {
  "25006": "the transaction is read-only",
  "40001": "serialization failure",
  "42501": "permission denied",
  "42P01": "the table is gone",
  "55P03": "the lock did not come in time",
  "57014": "cancelled or timed out",
  "57P01": "the server ended the session",
  "57P02": "the server crashed",
  "57P03": "the server is starting or stopping",
  "53100": "the server's disk is full",
  "53200": "the server is out of memory",
  "53300": "no connection is left",
};

/** Codes of Node's sockets for a connection that is no more. */
const cut = new Set([
  "ECONNRESET",
  "EPIPE",
  "ECONNREFUSED",
  "ECONNABORTED",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/**
 * What PostgreSQL says when something is not there, where it says nothing but names (parse_func.c, ParseFuncOrColumn;
 * parse_relation.c, parserOpenTable; namespace.c; parse_type.c). Everything else of a message may carry rows.
 */
const name = String.raw`[\p{L}_][\p{L}\p{N}_$]{0,62}(?:\.[\p{L}_][\p{L}\p{N}_$]{0,62}){0,2}`;
const absences: Readonly<Record<string, RegExp>> = {
  "42883": new RegExp(String.raw`^(function) (${name}\([\p{L}\p{N}_$., \[\]]{0,200}\)) does not exist$`, "u"),
  "42P01": new RegExp(`^(relation) "(${name})" does not exist$`, "u"),
  "42704": new RegExp(`^(type) "(${name})" does not exist$`, "u"),
  "3F000": new RegExp(`^(schema) "(${name})" does not exist$`, "u"),
};

/** Where the server itself says so: a function that raises an error can give it any state and any text. */
const sayers = new Set([
  "ParseFuncOrColumn",
  "parserOpenTable",
  "RangeVarGetRelidExtended",
  "typenameType",
  "LookupTypeNameExtended",
  "get_namespace_oid",
]);

function absence(error: unknown, code: string): string | undefined {
  if (!(error instanceof Error) || !("routine" in error)) return undefined;
  if (typeof error.routine !== "string" || !sayers.has(error.routine)) return undefined;
  const found = absences[code]?.exec(error.message);
  return found ? `there is no ${found[1]} "${found[2]}"` : undefined;
}

/** E.g. `55P03, the lock did not come in time`; `42883, there is no function "pad(integer)"`. The driver's own errors have no code: their connection has ended. */
export function describeCode(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) {
    const ended = error instanceof Error && /terminated|ended|closed|timeout|not queryable/i.test(error.message);
    return ended ? "the connection was cut" : "no code";
  }
  const meaning = cut.has(code) ? "the connection was cut" : (absence(error, code) ?? meanings[code]);
  return meaning === undefined ? code : `${code}, ${meaning}`;
}
