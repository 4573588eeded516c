import { createHash } from "node:crypto";
import { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import { ApiRefusal } from "../../supabase/api-refusal.ts";
import type { CapturedField } from "../../supabase/configuration/document.ts";
import { type ManagementApi, projectPath } from "../../supabase/management-api.ts";
import { type Carrying, deniedRow, escrowNext, nothingToDo, type Row, rowOf } from "./row.ts";

const publicHalf = z.looseObject({ x: z.string().optional(), n: z.string().optional() }).nullish();
const keySchema = z.object({ id: z.string(), status: z.string(), public_jwk: publicHalf });
const keysSchema = z.object({ keys: z.array(keySchema) });
const capturedSchema = z.object({ status: z.string(), public_jwk: publicHalf });
const privateSchema = z.looseObject({ kty: z.enum(["RSA", "EC", "OKP", "oct"]) }).and(publicHalf.unwrap().unwrap());

const algorithms = { RSA: "RS256", EC: "ES256", OKP: "EdDSA", oct: "HS256" } as const;

/** What tells two public keys apart. Undefined: a key without a public half. */
const markOf = (key: z.output<typeof publicHalf>): string | undefined => key?.x ?? key?.n;

/** Mark of the key that signs, among a project's; undefined where none does, or it is a shared secret. */
export function inUseMark(keys: readonly unknown[]): string | undefined {
  const found = keys.map((one) => capturedSchema.safeParse(one).data).find((key) => key?.status === "in_use");
  return markOf(found?.public_jwk);
}

/**
 * Puts the key back that signs sessions, where its owner made it and has it in escrow: as standby first, then in use. A key that
 * Supabase made leaves it never.
 * @returns a row for each of `fields`
 * @throws what the client throws
 */
export async function carrySigningKeys(work: Carrying, fields: readonly CapturedField[]): Promise<Row[]> {
  const mine = privateKey(work.supplied?.get("signing-key"));
  const rows: Row[] = [];
  for (const one of fields) {
    const key = "value" in one ? capturedSchema.safeParse(one.value).data : undefined;
    const row = (outcome: Row["outcome"], why?: string, next?: string) =>
      rowOf("signing-keys", one.field, outcome, why, next);
    if (key === undefined) rows.push(row("listed", "the set does not have it", "Compare the keys in the dashboard."));
    else if (key.status !== "in_use")
      rows.push(row("listed", `it was ${key.status.slice(0, 40)}, and signed nothing any more`, nothingToDo));
    else if (mine?.kty === "oct" && key.public_jwk === null)
      rows.push(
        row(
          "listed",
          "it is a shared secret (HS256), and nothing tells whether the one in escrow is the same",
          "Import it in the dashboard (JWT Keys) if it is; with a key pair a recovery does it by itself.",
        ),
      );
    else if (mine === undefined || markOf(mine) === undefined || markOf(mine) !== markOf(key.public_jwk))
      rows.push(
        row(
          "listed",
          "only its owner can have it, and a key that Supabase made leaves it never: who is logged in stays so by the copied refresh tokens, or logs in again",
          escrowNext("signing-key"),
        ),
      );
    else rows.push(await bringKey(work, one.field, mine));
  }
  return rows;
}

function privateKey(text: string | undefined): z.output<typeof privateSchema> | undefined {
  try {
    return text === undefined ? undefined : privateSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function bringKey(
  { api, ref, rehearse }: Carrying,
  field: string,
  mine: z.output<typeof privateSchema>,
): Promise<Row> {
  const path = projectPath(ref, "/config/auth/signing-keys");
  const find = async () => {
    const { keys } = await api.get(path, keysSchema);
    return keys.find(({ public_jwk }) => markOf(public_jwk) === markOf(mine));
  };
  try {
    let there = await find();
    if (there?.status === "in_use") return rowOf("signing-keys", field, "already");
    if (rehearse === true) return rowOf("signing-keys", field, "carried");
    if (there === undefined) {
      const algorithm = algorithms[mine.kty];
      await api.send("POST", path, { algorithm, status: "standby", private_jwk: { alg: algorithm, ...mine } });
      there = await find();
    }
    if (there !== undefined) await api.send("PATCH", `${path}/${encodeURIComponent(there.id)}`, { status: "in_use" });
    if ((await find())?.status === "in_use") return rowOf("signing-keys", field, "carried");
    return rowOf(
      "signing-keys",
      field,
      "refused",
      "Supabase took it and does not use it",
      "Look at it in the dashboard (JWT Keys).",
    );
  } catch (error) {
    if (error instanceof ApiRefusal) return deniedRow("signing-keys", field, error);
    throw error;
  }
}

const rootKeySchema = z.object({ root_key: z.string() });
const pgsodium = (ref: string): string => projectPath(ref, "/pgsodium");

/** Whether the target's Vault has the root key that the set knows by its hash. @returns a row for each of `fields` */
export async function compareRootKey({ api, ref }: Carrying, fields: readonly CapturedField[]): Promise<Row[]> {
  const [one] = fields;
  if (one === undefined) return [];
  const why = "Vault has a root key of its own here, with which the restore sealed the secrets anew";
  const next = "Nothing to do, where the restore made all of Vault's secrets.";
  try {
    const { root_key: key } = await api.get(pgsodium(ref), rootKeySchema);
    const same = "hashed" in one && one.hashed === createHash("sha256").update(key).digest("hex");
    return fields.map(({ field }) =>
      same ? rowOf("vault", field, "already") : rowOf("vault", field, "listed", why, next),
    );
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    return fields.map(({ field }) => rowOf("vault", field, "listed", "whether it is the same cannot be read", next));
  }
}

/**
 * Gives a project the root key of the lost one's Vault. Only before its first secret: what another key has sealed does not open
 * afterwards. That the API takes it says nothing: it is asked whether a secret of the set opens in the database.
 *
 * @param opens decrypts a secret of the set inside the database; false: it does not open
 * @returns whether it opens; false where the API does not take the key: the secrets come by value then
 * @throws OperationError `root-key`; what the client throws for an API that does not answer
 */
export async function putRootKey(
  { api, ref }: { readonly api: ManagementApi; readonly ref: string },
  key: string,
  opens: () => Promise<boolean>,
): Promise<boolean> {
  const before = await api.get(pgsodium(ref), rootKeySchema);
  try {
    if (before.root_key !== key) await api.send("PUT", pgsodium(ref), { root_key: key });
  } catch (error) {
    if (error instanceof ApiRefusal) return false;
    throw error;
  }
  const after = await api.get(pgsodium(ref), rootKeySchema);
  if (after.root_key === key && (await opens())) return true;
  if (after.root_key === before.root_key) return false;
  await api.send("PUT", pgsodium(ref), { root_key: before.root_key }).catch((error: unknown) => {
    if (!(error instanceof LifeboatError)) throw error;
  });
  const last = await api.get(pgsodium(ref), rootKeySchema);
  if (last.root_key === before.root_key) return false;
  throw new OperationError(
    "root-key",
    `Vault's root key in project ${ref} was changed, opens nothing, and could not be put back.`,
    "Make another project: this one's Vault cannot be relied on.",
  );
}
