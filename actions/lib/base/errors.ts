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
