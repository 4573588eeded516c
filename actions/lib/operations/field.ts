import { z } from "zod";
import { mostReason } from "../vault/format/manifest.ts";

export type Edge = "command" | "action";

/** What an operation says of one of its inputs, beside the form that zod checks. The same text serves both edges. */
export interface Field {
  readonly help: string;
  /** Name of the value in the help, e.g. `NAME`. */
  readonly value?: string;
  readonly short?: string;
  /** For people, where it is another name than the key's. */
  readonly called?: string;
  /** Stands on the command line without its name, in the order of the declaration. */
  readonly positional?: true;
  /** A flag with which a positional may be left out. */
  readonly unless?: string;
  /** The one edge that takes it, and why the other does not. */
  readonly only?: { readonly edge: Edge; readonly why: string };
  /** What an action takes when the workflow gives nothing, where that is something else than at a terminal. */
  readonly actionDefault?: string;
  /** What GitHub itself fills in for an action then, e.g. `github.token`. */
  readonly expression?: string;
  /** What it has to be, for who gave something else: `a whole number from 1 to 90`. */
  readonly form?: string;
}

const fields = z.registry<Field>();

/** One input: `field(z.string().optional(), { help: "…", value: "NAME" })`. What is not optional must be given. */
export function field<Schema extends z.ZodType>(schema: Schema, told: Field): Schema {
  fields.add(schema, told);
  return schema;
}

/** An input that is there or not. */
export function flag(help: string, more: Omit<Field, "help" | "value"> = {}): z.ZodDefault<z.ZodBoolean> {
  return field(z.boolean().default(false), { help, ...more });
}

/** What a verb takes that can say what it would do. */
export const dryRun = { dryRun: flag("check everything, write nothing, say what would be done") };

/** Why somebody does it, in a few words that are kept. */
export const reason = z.string().trim().min(1).max(mostReason);
export const reasonField = { value: "TEXT", form: `a text of 1 to ${mostReason} characters` };

/** Of a verb that opens or removes data: a person says why, and the audit trail keeps it. */
export const why = {
  reason: field(reason.optional(), {
    ...{ ...reasonField, help: "why, for the audit trail; no personal data (default: LIFEBOAT_REASON)" },
  }),
};

/** The same of a verb that restores: it is refused where its entry in the audit trail cannot be written, unless this is said. */
export const whyRestored = {
  ...why,
  withoutAudit: field(reason.optional(), {
    ...{
      ...reasonField,
      help: "go on although the audit trail cannot be written, and why; the entry is kept in a file",
    },
  }),
};

/** Which target a verb works on. */
export const target = {
  target: field(z.string().default("default"), {
    help: "a target that the policy names, never a connection string (default: what TARGET_* describes)",
    value: "NAME",
  }),
};

/** Where a verb reads: the replica when the vault cannot be reached, or is not to be trusted. */
export const from = {
  from: field(z.enum(["vault", "replica"]).default("vault"), {
    ...{
      value: "vault|replica",
      help: "replica: read S3_REPLICA_BUCKET in the vault's place, and write nothing there",
    },
  }),
};

/** Whether a verb can read the replica: what another one calls `from` is something else. */
export function canReadReplica(inputs: z.ZodObject): boolean {
  return inputs.shape["from"] === from.from;
}

/** Whether this run does. */
export function readsReplica(inputs: z.ZodObject, given: Readonly<Record<string, unknown>>): boolean {
  return canReadReplica(inputs) && given["from"] === "replica";
}

/** An input as both edges see it. */
export interface InputField extends Field {
  /** In the code, e.g. `withFiles`, and for people: `with-files`. */
  readonly key: string;
  readonly name: string;
  readonly isFlag: boolean;
  readonly isNumber: boolean;
  readonly choices: readonly string[];
  /** Must be given, unless another one spares it. */
  readonly required: boolean;
  readonly fallback: string | undefined;
}

/** The inputs of an operation, in the order of their declaration. @param edge only those that it takes */
export function fieldsOf(inputs: z.ZodObject, edge?: Edge): InputField[] {
  const all = Object.entries(inputs.shape).map(([key, schema]) => described(key, schema));
  return edge === undefined ? all : all.filter(({ only }) => only === undefined || only.edge === edge);
}

function described(key: string, schema: z.core.$ZodType): InputField {
  const told = fields.get(schema);
  if (told === undefined) throw new Error(`The input ${key} says nothing of itself: declare it with field().`);
  const fallback = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
  const inner = schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  const choices = inner instanceof z.ZodEnum ? inner.options.map(String) : [];
  return {
    ...told,
    ...{ key, choices },
    name: told.called ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    isFlag: inner instanceof z.ZodBoolean,
    isNumber: inner instanceof z.ZodNumber,
    required: inner === schema || told.unless !== undefined,
    fallback: fallback === undefined ? undefined : String(fallback),
  };
}
