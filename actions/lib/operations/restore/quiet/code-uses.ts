import { nameOnTable } from "../../../postgres/identifier.ts";
import type { InventoryObject } from "../../../postgres/inventory/model.ts";
import { readTokens, type SqlToken } from "../../../postgres/sql-tokens.ts";

/** What a piece of code mentions, every name by its last part and folded: two that differ only by that count as one. */
export interface Uses {
  /** Names before a parenthesis. */
  readonly calls: ReadonlySet<string>;
  /** Names behind a dot: `row.f` calls `f(row)`. */
  readonly dotted: ReadonlySet<string>;
  readonly names: ReadonlySet<string>;
  readonly operators: readonly string[];
  /** What it reaches by itself. */
  readonly own: Reach;
}

const routineKinds = new Set(["aggregate", "function", "procedure"]);

export function isRoutine({ kind }: Pick<InventoryObject, "kind">): boolean {
  return routineKinds.has(kind);
}

/** The last part of an object's name, folded. */
export function lastName(identity: string): string {
  const { tokens } = readTokens(identity);
  const end = tokens.findIndex(({ text, kind }) => kind === "sign" && text === "(");
  const name = tokens
    .slice(0, end < 0 ? undefined : end)
    .findLast(({ kind }) => kind === "name" || kind === "operator");
  return (name?.text ?? identity).toLowerCase();
}

/** Kinds whose definitions name functions without a parenthesis behind. Casts have single letters beside theirs. */
const bareCalls = new Set(["operator", "operator class", "operator family", "type"]);

/** @param untrusted languages of the database that are not trusted */
export function usesOf(object: InventoryObject, untrusted: ReadonlySet<string>): Uses {
  const { tokens, certain } = readTokens(object.definition, { standard: true });
  const doubt = certain ? 0 : reach.unknown;
  // A trigger reads its own row only: what may be called is its function, and its WHEN may call others.
  if (object.kind === "trigger") return { ...within(tokens, doubt), names: new Set() };
  if (object.kind === "rule") return ruleUses(tokens, doubt);
  if (object.kind === "table constraint" && object.definition.startsWith("FOREIGN KEY")) return referenceUses(object);
  if (expressionKinds.has(object.kind)) return expressionUses(tokens, doubt);
  if (!isRoutine(object)) {
    const uses = within(tokens, doubt | (object.kind === "foreign table" ? reach.direct : 0));
    return bareCalls.has(object.kind) ? { ...uses, calls: uses.names } : uses;
  }
  return routineUses(object, tokens, doubt, untrusted);
}

/** What `pg_get_functiondef` writes: the head, then the body as one string, or as SQL where it was written so. */
function routineUses(
  object: InventoryObject,
  tokens: readonly SqlToken[],
  doubt: Reach,
  untrusted: ReadonlySet<string>,
): Uses {
  // Of what belongs to an extension nothing is known here; the extension answers for it.
  if (object.extension !== null) return within([], 0);
  if (object.kind === "aggregate") {
    const uses = within(tokens, doubt);
    return { ...uses, calls: uses.names };
  }
  const at = tokens.findIndex(({ kind, text, quoted }) => kind === "name" && !quoted && text === "language");
  const language = tokens[at + 1]?.text ?? "";
  const head = tokens.slice(tokens.findIndex(({ text }) => text === "("));
  const body = tokens.at(-1);
  if (language === "c") return within([], reach.unknown);
  const reached = reachOfLanguage(language, !untrusted.has(language)) | doubt;
  if (body?.kind !== "string") return within(head, reachOfSql(head, reached));
  if (language === "internal") return within(readTokens(`${body.text}(`).tokens, reached);
  const inside = readTokens(body.text);
  const uncertain = inside.certain ? 0 : reach.unknown;
  return within([...head, ...inside.tokens], reachOfSql(inside.tokens, reached | uncertain));
}

/** What reads the one row that it is about. */
const expressionKinds = new Set(["domain constraint", "index", "statistics object", "table constraint"]);

/** Its names are columns, and the table that it is on: no others can stand there but those of types, behind `::`. */
export function expressionUses(tokens: readonly SqlToken[], doubt: Reach): Uses {
  const uses = within(tokens, doubt);
  const types = tokens.flatMap(({ kind, text }, place) => {
    const start = tokens[place - 1]?.text === "." ? place - 2 : place;
    return kind === "name" && tokens[start - 1]?.text === ":" ? [text.toLowerCase()] : [];
  });
  return { ...uses, names: new Set(types) };
}

/** A foreign key calls nothing; with an action, what is done to the table referred to is done to this one too. */
function referenceUses({ identity, definition }: InventoryObject): Uses {
  const names = / ON (DELETE|UPDATE) /.test(definition) ? [lastName(nameOnTable(identity)?.table ?? identity)] : [];
  return { ...within([], 0), names: new Set(names) };
}

/** Without the table that it is on: a rule is judged by what it does. */
function ruleUses(tokens: readonly SqlToken[], doubt: Reach): Uses {
  const to = tokens.findIndex(({ kind, text, quoted }) => kind === "name" && !quoted && text === "to");
  const rest = tokens.slice(to < 0 ? 0 : to + 2);
  const action = rest[0]?.text === "." ? rest.slice(2) : rest;
  return within(action, reachOfSql(action, doubt));
}

function within(tokens: readonly SqlToken[], own: Reach): Uses {
  const [calls, dotted, names] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const operators: string[] = [];
  tokens.forEach(({ kind, text }, place) => {
    if (kind === "operator") operators.push(text);
    if (kind !== "name") return;
    const name = text.toLowerCase();
    names.add(name);
    if (tokens[place + 1]?.text === "(") calls.add(name);
    if (tokens[place - 1]?.text === ".") dotted.add(name);
  });
  return { calls, dotted, names, operators, own };
}

/**
 * What the words of statements say: a text that is run, a program that rows are sent to, another server that is spoken
 * to, a library that is loaded.
 */
function reachOfSql(tokens: readonly SqlToken[], begin: Reach): Reach {
  let found = begin;
  const word = (place: number) => {
    const token = tokens[place];
    return token?.kind === "name" && !token.quoted ? token.text : "";
  };
  const isMaking = (place: number) => /^(create|alter|drop|import)$/.test(word(place));
  tokens.forEach((token, place) => {
    const next = tokens[place + 1];
    switch (word(place)) {
      case "execute":
        found |= reach.dynamic;
        break;
      case "do":
        if (next?.kind === "string" || word(place + 1) === "language") found |= reach.dynamic;
        break;
      case "load":
        if (next?.kind === "string") found |= reach.unknown;
        break;
      case "program":
        if (next?.kind === "string" || next?.kind === "name") found |= reach.direct;
        break;
      case "subscription":
      case "foreign":
      case "server":
        if (isMaking(place - 1)) found |= reach.direct;
        break;
      case "extension":
        if (isMaking(place - 1)) found |= reach.unknown;
        break;
      case "job":
        if (tokens[place - 1]?.text === "." && word(place - 2) === "cron") found |= reach.dynamic;
        break;
      default:
        if (token.kind === "name" && token.text.toLowerCase() === "http_request_queue") found |= reach.queue;
    }
  });
  return found;
}

/**
 * What code can reach. `queue`: pg_net, whose requests wait in a table and can be held back there. `direct`: the outside,
 * at once. `dynamic`: whatever a text says that is put together when it runs. `unknown`: nobody has read that code.
 */
export const reach = { queue: 1, direct: 2, dynamic: 4, unknown: 8 } as const;

/** Any of `reach`, added up; 0 for what provably reaches nothing. */
export type Reach = number;

const all = (kind: Reach, names: string): [string, Reach][] => names.split(/\s+/).map((name) => [name, kind]);

/**
 * Extensions whose functions are known: PostgreSQL's own (contrib) and those that Supabase offers. Any other one is unknown.
 * pg_cron runs what it is told later on, by itself; tablefunc, pg_graphql and the testing tools run texts; pgmq's texts name
 * its own queues only.
 */
const extensions = new Map<string, Reach>([
  ...all(
    0,
    `address_standardizer address_standardizer_data_us amcheck autoinc bloom btree_gin btree_gist citext cube dict_int dict_xsyn
     earthdistance fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache
     pg_freespacemap pg_hashids pg_jsonschema pg_prewarm pg_repack pg_stat_monitor pg_stat_statements pg_surgery pg_trgm
     pg_visibility pg_walinspect pgaudit pgcrypto pgjwt pgmq pgroonga pgrouting pgrowlocks pgsodium pgstattuple plpgsql postgis
     postgis_raster postgis_sfcgal postgis_topology refint rum seg sslinfo supabase_vault supautils tcn tsm_system_rows
     tsm_system_time unaccent uuid-ossp vector`,
  ),
  ...all(reach.queue, "pg_net"),
  ...all(
    reach.direct,
    "dblink file_fdw http postgres_fdw wrappers xml2 pgsql-http clickhouse_fdw mysql_fdw oracle_fdw tds_fdw",
  ),
  ...all(reach.dynamic, "hypopg index_advisor pg_cron pg_graphql pgtap plpgsql_check tablefunc"),
]);

export function reachOfExtension(name: string): Reach {
  return extensions.get(name) ?? reach.unknown;
}

/** Functions of PostgreSQL itself that run a text, or read what a table of another server holds by its number. */
export const builtInReach = new Map<string, Reach>(
  all(
    reach.dynamic,
    `cursor_to_xml cursor_to_xmlschema database_to_xml database_to_xml_and_xmlschema database_to_xmlschema query_to_xml
     query_to_xml_and_xmlschema query_to_xmlschema schema_to_xml schema_to_xml_and_xmlschema schema_to_xmlschema table_to_xml
     table_to_xml_and_xmlschema table_to_xmlschema ts_rewrite ts_stat`,
  ),
);

/** Languages whose texts are read here. Others run SQL put together as they run, or, untrusted, do what they like. */
export function reachOfLanguage(name: string, trusted: boolean): Reach {
  if (name === "sql" || name === "plpgsql" || name === "internal") return 0;
  return trusted ? reach.dynamic : reach.unknown;
}
