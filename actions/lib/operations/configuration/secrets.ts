import { z } from "zod";
import { ApiRefusal } from "../../supabase/api-refusal.ts";
import type { CapturedField } from "../../supabase/configuration/document.ts";
import { projectPath } from "../../supabase/management-api.ts";
import { type Carrying, deniedRow, escrowNext, type Row, rowOf, staleValue } from "./row.ts";
import { ruleOf } from "./rules.ts";

const digestsSchema = z.array(z.object({ name: z.string(), value: z.string() }));

/**
 * Puts the secrets of functions back from escrow. That each is the one that the lost project had is proven by its digest, which
 * the API shows of both.
 * @returns a row for each of `fields`
 * @throws what the client throws
 */
export async function carrySecrets(work: Carrying, fields: readonly CapturedField[]): Promise<Row[]> {
  const path = projectPath(work.ref, "/secrets");
  const digests = async () =>
    new Map((await work.api.get(path, digestsSchema)).map(({ name, value }) => [name, value.toLowerCase()]));
  const rows = new Map<string, Row>();
  const row = (field: string, outcome: Row["outcome"], why?: string, next?: string): void =>
    void rows.set(field, rowOf("secrets", field, outcome, why, next));
  try {
    const before = await digests();
    const sent: { name: string; value: string; digest: string | undefined }[] = [];
    for (const one of fields) {
      const { field } = one;
      const rule = ruleOf("secrets", field);
      const digest = "hashed" in one ? one.hashed : undefined;
      const value = rule.way === "supply" ? work.supplied?.get(rule.name) : undefined;
      if (digest !== undefined && before.get(field) === digest) row(field, "already");
      else if (rule.way === "leave") row(field, before.has(field) ? "already" : "listed", rule.why, rule.next);
      else if (value !== undefined) sent.push({ name: field, value, digest });
      else row(field, "listed", "Supabase tells its digest alone", escrowNext(`secret:${field}`));
    }
    if (work.rehearse === true) for (const { name } of sent) row(name, "carried");
    else if (sent.length > 0) {
      const refused = await send(sent, (some) => work.api.send("POST", path, some));
      const after = await digests();
      for (const { name, digest } of sent) {
        const error = refused.get(name);
        if (error !== undefined) rows.set(name, deniedRow("secrets", name, error));
        else if (digest !== undefined && after.get(name) === digest) row(name, "carried");
        else if (!after.has(name))
          row(name, "refused", "Supabase took it and did not keep it", "Set it in the dashboard.");
        else if (digest === undefined)
          row(name, "listed", "it is there, and nothing tells whether it is the lost project's", "Try what uses it.");
        else row(name, "refused", staleValue, escrowNext(`secret:${name}`));
      }
    }
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    for (const { field } of fields) if (!rows.has(field)) rows.set(field, deniedRow("secrets", field, error));
  }
  return fields.map(({ field }) => rows.get(field) ?? rowOf("secrets", field, "refused", "nothing became of it"));
}

interface NamedSecret {
  readonly name: string;
  readonly value: string;
}

/** All at once; where the API refuses that, one by one: a secret that it will not have must not keep the others from being put back. */
async function send(
  secrets: readonly NamedSecret[],
  post: (some: readonly NamedSecret[]) => Promise<void>,
): Promise<ReadonlyMap<string, ApiRefusal>> {
  const refused = new Map<string, ApiRefusal>();
  const attempt = async (some: readonly NamedSecret[]): Promise<void> => {
    try {
      await post(some.map(({ name, value }) => ({ name, value })));
    } catch (error) {
      if (!(error instanceof ApiRefusal) || !["api-refused", "api-plan"].includes(error.code)) throw error;
      if (some.length > 1) for (const one of some) await attempt([one]);
      else for (const { name } of some) refused.set(name, error);
    }
  };
  await attempt(secrets);
  return refused;
}

const providerSchema = z.object({
  oidc_issuer_url: z.string().nullish(),
  jwks_url: z.string().nullish(),
  custom_jwks: z.unknown().optional(),
});
type Provider = z.output<typeof providerSchema>;

/**
 * Puts third parties back whose tokens the project takes (Firebase, Auth0): by the address that they are known by. Keys that were
 * given by hand (`custom_jwks`) are taken by the API and never used: those are listed.
 * @returns a row for each of `fields`
 * @throws what the client throws
 */
export async function carryProviders(work: Carrying, fields: readonly CapturedField[]): Promise<Row[]> {
  if (fields.length === 0) return [];
  const path = projectPath(work.ref, "/config/auth/third-party-auth");
  const list = () => work.api.get(path, z.array(providerSchema));
  const rows: Row[] = [];
  for (const one of fields) {
    const row = (outcome: Row["outcome"], why?: string, next?: string): void =>
      void rows.push(rowOf("sign-in-providers", one.field, outcome, why, next));
    const wanted = "value" in one ? providerSchema.safeParse(one.value).data : undefined;
    const body = wanted && addressOf(wanted);
    try {
      if (body === undefined)
        row(
          "listed",
          "it has no address by which it could be known",
          "Add it in the dashboard (Authentication, Third Party Auth).",
        );
      else if (await hasProvider(list, body)) row("already");
      else if (work.rehearse === true) row("carried");
      else {
        await work.api.send("POST", path, body);
        if (await hasProvider(list, body)) row("carried");
        else row("refused", "Supabase took it and did not keep it", "Add it in the dashboard.");
      }
    } catch (error) {
      if (!(error instanceof ApiRefusal)) throw error;
      rows.push(deniedRow("sign-in-providers", one.field, error));
    }
  }
  return rows;
}

function addressOf({ oidc_issuer_url, jwks_url }: Provider): Record<string, string> | undefined {
  if (oidc_issuer_url) return { oidc_issuer_url };
  return jwks_url ? { jwks_url } : undefined;
}

async function hasProvider(list: () => Promise<Provider[]>, body: Record<string, string>): Promise<boolean> {
  const there = await list();
  return there.some((one) => JSON.stringify(addressOf(one)) === JSON.stringify(body));
}
