/**
 * What every session of ours says at its start, so that text comes out the same whatever the server, the database or the
 * role is set to. The zeros switch off the two-minute `statement_timeout` that Supabase's `postgres` has.
 * `search_path` is `pg_catalog` alone: nobody's function can stand in for one of the catalogue's.
 */
export const sessionPins: Readonly<Record<string, string>> = {
  statement_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  DateStyle: "ISO, YMD",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  extra_float_digits: "3",
  bytea_output: "hex",
  xmloption: "content",
  lc_monetary: "C",
  // A database or role may be set otherwise: then the catalogue's functions would quote differently from one session to
  // the next, literals would mean something else, and sessions that work side by side would fail each other.
  quote_all_identifiers: "off",
  standard_conforming_strings: "on",
  backslash_quote: "safe_encoding",
  array_nulls: "on",
  transform_null_equals: "off",
  xmlbinary: "base64",
  default_transaction_isolation: "read committed",
  default_transaction_deferrable: "off",
  search_path: "pg_catalog",
};

/**
 * Settings that not every server has: `transaction_timeout` is new in 17. `client_connection_check_interval` lets the
 * server notice within seconds that we are gone, also when we were killed in the middle of a long query: otherwise it would
 * go on holding snapshot and locks. Not every platform can do that, so it is asked for and not demanded.
 */
const wishes: Readonly<Record<string, string>> = {
  transaction_timeout: "0",
  idle_session_timeout: "0",
  client_connection_check_interval: "5s",
};

/** The wishes that the server knows, as one statement. */
export const wishStatement = {
  text: `SELECT pg_catalog.set_config(w.key, w.value, false)
           FROM pg_catalog.json_each_text($1::json) w JOIN pg_catalog.pg_settings s ON s.name OPERATOR(pg_catalog.=) w.key`,
  values: [JSON.stringify(wishes)],
};

/** The pins as one statement; `set_config` takes names and values as data, so nothing needs quoting rules. */
export function pinStatement(lockWaitSeconds: number): { readonly text: string; readonly values: readonly string[] } {
  const entries = Object.entries({ ...sessionPins, lock_timeout: String(Math.ceil(lockWaitSeconds * 1000)) });
  const calls = entries.map((_, index) => `pg_catalog.set_config($${index * 2 + 1}, $${index * 2 + 2}, false)`);
  return { text: `SELECT ${calls.join(", ")}`, values: entries.flat() };
}

/**
 * The pins in the form of libpq's PGOPTIONS, for pg_dump. pg_dump sets its own time-outs and search path; what matters here
 * is what it leaves alone, such as lc_monetary. A pooler may drop options: then pg_dump's own settings hold.
 */
export function pinOptions(): string {
  const { search_path: _own, ...rest } = sessionPins;
  return Object.entries(rest)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`)
    .join(" ");
}
