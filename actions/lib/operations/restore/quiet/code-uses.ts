import { nameOnTable } from "../../../postgres/identifier.ts";
import type { InventoryObject } from "../../../postgres/inventory/model.ts";
import { type Reach, reach, reachOfLanguage } from "./reach.ts";
import { readTokens, type SqlToken } from "./sql-tokens.ts";

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
  const { tokens, certain } = readTokens(object.definition, { printed: true });
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
