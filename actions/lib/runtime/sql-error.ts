/**
 * What may be said of a Postgres error: its SQLSTATE. Message, detail and context carry values of rows
 * (`Key (email)=(…) already exists`), so they are never taken over.
 *
 * @returns five characters, or `none` when the error did not come from the server
 */
export function sqlState(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string") {
    return /^[0-9A-Z]{5}$/.test(error.code) ? error.code : "none";
  }
  return "none";
}
