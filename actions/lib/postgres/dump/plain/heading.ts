import type { TocEntry } from "../archive/toc.ts";

/** What pg_dump writes above an entry when it is told to be verbose, as far as it has been read. */
export interface Heading {
  readonly dumpId: number;
  readonly tableOid: string;
  readonly oid: string;
  dependencies: readonly number[];
  tag: string;
  desc: string;
  namespace: string | null;
  owner: string;
}

export const endLine = "-- PostgreSQL database dump complete";
const first = /^-- TOC entry (\d+) \(class (\d+) OID (\d+)\)$/;
const dependencies = /^-- Dependencies:((?: \d+)+)$/;
const name =
  /^-- (?:Data for |Statistics for )?Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: (.*?)(?:; Tablespace: .*)?$/;

/** Undefined when the line begins no entry. The form is that of _printTocEntry in pg_backup_archiver.c. */
export function beginHeading(line: string): Heading | undefined {
  const found = first.exec(line);
  if (found === null) return undefined;
  const [, dumpId = "0", tableOid = "0", oid = "0"] = found;
  const unread = { dependencies: [], tag: "", desc: "", namespace: null, owner: "" };
  return { dumpId: Number(dumpId), tableOid, oid, ...unread };
}

/** The lines of a heading, for what is written as pg_dump would write it. Line ends in names become spaces, as there. */
export function headingOf(
  entry: Pick<TocEntry, "dumpId" | "oid" | "tag" | "desc"> & { readonly namespace: string },
): string[] {
  const flat = (name: string): string => name.replaceAll(/[\r\n]/g, " ");
  const data = entry.desc === "TABLE DATA" ? "Data for " : "";
  return [
    "--",
    `-- TOC entry ${entry.dumpId} (class 0 OID ${entry.oid})`,
    `-- ${data}Name: ${flat(entry.tag)}; Type: ${entry.desc}; Schema: ${flat(entry.namespace)}; Owner: -`,
    "--",
    "",
  ];
}

/** Adds a line of the heading; false when it is none. */
export function continueHeading(heading: Heading, line: string): boolean {
  const ids = dependencies.exec(line)?.[1];
  if (ids !== undefined) {
    heading.dependencies = ids.trim().split(" ").map(Number);
    return true;
  }
  const found = name.exec(line);
  if (found === null) return false;
  const [, tag = "", desc = "", namespace = "-", owner = "-"] = found;
  Object.assign(heading, {
    tag,
    desc,
    namespace: namespace === "-" ? null : namespace,
    owner: owner === "-" ? "" : owner,
  });
  return true;
}

const postData = new Set([
  "CHECK CONSTRAINT",
  "CONSTRAINT",
  "DEFAULT ACL",
  "EVENT TRIGGER",
  "FK CONSTRAINT",
  "INDEX",
  "INDEX ATTACH",
  "MATERIALIZED VIEW DATA",
  "POLICY",
  "PUBLICATION",
  "PUBLICATION TABLE",
  "PUBLICATION TABLES IN SCHEMA",
  "ROW SECURITY",
  "RULE",
  "STATISTICS",
  "SUBSCRIPTION",
  "SUBSCRIPTION TABLE",
  "TRIGGER",
]);
const data = new Set(["BLOBS", "SEQUENCE SET", "STATISTICS DATA", "TABLE DATA"]);
const anywhere = new Set(["ACL", "COMMENT", "SECURITY LABEL"]);

/** The section that pg_dump gives a kind of entry (pg_dump.c); plain SQL shows it by the order only. */
export function sectionOf(desc: string): TocEntry["section"] {
  if (anywhere.has(desc)) return "none";
  return postData.has(desc) ? "post-data" : data.has(desc) ? "data" : "pre-data";
}

const accessMethod = /^SET default_table_access_method = (.+);$/;
const sessionSetting = /^SET default_(?:tablespace|table_access_method) = /;
const ownership = /^ALTER [A-Z ]+ .* OWNER TO .+;$/;

/**
 * An entry's own SQL: without the settings that pg_dump makes ahead of the next table, and without the owner, which the
 * archive format keeps apart too. `method` is the access method that the lines set for what follows.
 */
export function entrySql(lines: readonly string[]): { sql: string; method: string | undefined } {
  const own = [...lines];
  let method: string | undefined;
  const trim = (): void => {
    while (own.at(-1)?.trim() === "" || own.at(-1)?.startsWith("-- Completed on ")) own.pop();
  };
  trim();
  while (sessionSetting.test(own.at(-1) ?? "")) {
    method ??= accessMethod.exec(own.at(-1) ?? "")?.[1];
    own.pop();
    trim();
  }
  while (
    own.length > 2 &&
    ownership.test(own.at(-1) ?? "") &&
    (own.at(-2) === "" || ownership.test(own.at(-2) ?? ""))
  ) {
    own.pop();
    trim();
  }
  return { sql: own.join("\n").trim(), method };
}
