import type { z } from "zod";
import { ConfigurationError } from "../base/errors.ts";
import { type Edge, fieldsOf, type InputField } from "../operations/field.ts";
import type { Operation } from "../operations/operation.ts";

/** What was typed or what a workflow gave, by the names for people. */
export type Given = Readonly<Record<string, string | boolean | undefined>>;

/** The inputs of an operation, checked by its own declaration. @throws ConfigurationError `usage` */
export function readInputs(operation: Operation, edge: Edge, given: Given): z.infer<Operation["inputs"]> {
  const fields = fieldsOf(operation.inputs, edge);
  const raw = fields.map((field) => [field.key, givenTo(field, edge, given, operation.name)] as const);
  const read = operation.inputs.safeParse(Object.fromEntries(raw.filter(([, value]) => value !== undefined)));
  if (!read.success) {
    const field = fields.find(({ key }) => key === read.error.issues[0]?.path[0]);
    if (field === undefined) throw read.error;
    throw wrong(`${spell(field, edge)} is '${given[field.name]}'.`, `It is ${formOf(field)}.`);
  }
  operation.refuse?.(read.data);
  return read.data;
}

function givenTo(field: InputField, edge: Edge, given: Given, name: string): string | boolean | undefined {
  const { isFlag, isNumber, required, unless, actionDefault } = field;
  const value = given[field.name] ?? (edge === "action" ? actionDefault : undefined);
  if (value === undefined) {
    if (!required || (unless !== undefined && given[unless] === true)) return undefined;
    const missing = edge === "command" ? `'${name}' needs ${usageOf(field)}.` : `${spell(field, edge)} is not given.`;
    throw wrong(missing, edge === "command" ? `See 'lifeboat ${name} --help'.` : `It is ${formOf(field)}.`);
  }
  // `--keep-hours "$HOURS"` with nothing in it would be 0.
  if (isNumber && String(value).trim() === "")
    throw wrong(`${spell(field, edge)} is empty.`, `It is ${formOf(field)}.`);
  if (!isFlag || typeof value === "boolean") return value;
  if (/^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
  throw wrong(`${spell(field, edge)} is '${value}'.`, "It is true or false.");
}

function wrong(what: string, next: string): ConfigurationError {
  return new ConfigurationError("usage", what, next);
}

function spell({ name, value, positional }: InputField, edge: Edge): string {
  if (edge === "action") return `The input ${name}`;
  return positional === true ? `<${value ?? name}>` : `--${name}`;
}

function formOf({ form, choices, help }: InputField): string {
  if (form !== undefined) return form;
  return choices.length > 0 ? `one of ${choices.join(", ")}` : help;
}

/** As it stands in the usage: `<set|latest>`, `--tier TIER`, `load`. */
export function usageOf({ name, value, choices, positional, required, isFlag }: InputField): string {
  if (positional !== true) return isFlag ? `--${name}` : `--${name} ${value ?? "VALUE"}`;
  if (choices.length === 1) return String(choices[0]);
  const what = choices.length > 0 ? choices.join("|") : (value ?? name);
  return required ? `<${what}>` : `[${what}]`;
}
