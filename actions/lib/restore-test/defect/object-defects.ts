import type { Client } from "pg";
import { z } from "zod";
import { nameOnTable } from "../../restore/outbound.ts";
import type { ProvenTarget } from "../../restore/proven-target.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified, tableName } from "../../source/identifier.ts";
import type { InventoryObject, SequenceValue } from "../../source/inventory/model.ts";
import { isManagedSchema, isPlatformObject } from "../../source/platform.ts";
import type { Candidate, Defect } from "./defect.ts";

const expected = ({ kind, identity }: InventoryObject, aspect: Defect["expected"]["aspect"]) => ({
  kind,
  identity,
  aspect,
});

/** Users' objects: what the comparison holds against a restore. Pure. */
function usersOwn({ source, facts }: ProvenTarget, kinds: readonly string[]): InventoryObject[] {
  return source.objects.filter(
    (object) =>
      kinds.includes(object.kind) && object.extension === null && !(facts.supabase && isPlatformObject(object)),
  );
}

/** On the platform's tables as well: policies there are made by users. */
export function droppedPolicies(client: Client, { source }: ProvenTarget): Candidate[] {
  const schemas = ["auth", "realtime", "storage"];
  return source.objects
    .filter(({ kind, extension }) => kind === "policy" && extension === null)
    .filter(({ schema }) => !isManagedSchema(schema) || schemas.includes(schema ?? ""))
    .map((object) => () => dropPolicy(client, object));
}

async function dropPolicy(client: Client, object: InventoryObject): Promise<Defect | undefined> {
  const parts = nameOnTable(object.identity);
  if (parts === undefined) return undefined;
  const answer = await client.query(
    `select case when polpermissive then 'permissive' else 'restrictive' end as kind,
            case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                        else 'all' end as command,
            (select string_agg(case when r = 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', ')
               from unnest(polroles) r) as roles,
            pg_get_expr(polqual, polrelid) as using, pg_get_expr(polwithcheck, polrelid) as check
       from pg_policy p cross join lateral pg_identify_object('pg_policy'::regclass, p.oid, 0) i
      where i.identity = $1`,
    [object.identity],
  );
  const policy = z
    .strictObject({
      ...{ kind: z.string(), command: z.string(), roles: z.string() },
      ...{ using: z.string().nullable(), check: z.string().nullable() },
    })
    .optional()
    .parse(answer.rows[0]);
  if (policy === undefined) return undefined;
  const { kind, command, roles, using, check } = policy;
  const on = `${parts.name} on ${parts.table}`;
  const using_ = using === null ? "" : ` using (${using})`;
  const check_ = check === null ? "" : ` with check (${check})`;
  return {
    kind: "dropped policy",
    expected: expected(object, "missing"),
    plant: [`drop policy ${on}`],
    undo: [
      `create policy ${on} as ${kind} for ${command} to ${roles}${using_}${check_}`,
      ...(object.comment === null ? [] : [`comment on policy ${on} is ${quoteLiteral(object.comment)}`]),
    ],
  };
}

/** The hole that a restore leaves when it forgets a REVOKE: anybody may call what only some may. */
export function regrantedFunctions(_client: Client, target: ProvenTarget): Candidate[] {
  const { source, facts } = target;
  const grantee = source.roles.some(({ name }) => name === "anon") ? "anon" : "";
  return usersOwn(target, ["function", "procedure"])
    .filter(({ owner }) => facts.superuser || owner === facts.role)
    .filter(({ grants }) => grants !== null && !grants.some((grant) => grant.grantee === grantee))
    .map((object) => async () => {
      const to = grantee === "" ? "public" : quoteIdentifier(grantee);
      return {
        kind: "re-granted function" as const,
        expected: expected(object, "grants"),
        plant: [`grant execute on routine ${object.identity} to ${to}`],
        undo: [`revoke execute on routine ${object.identity} from ${to}`],
      };
    });
}

/** Numbers would be given a second time. */
export function loweredSequences(client: Client, { source, facts }: ProvenTarget): Candidate[] {
  return source.sequences
    .filter(({ schema }) => !(facts.supabase && isManagedSchema(schema)))
    .map((sequence) => () => lower(client, sequence));
}

async function lower(client: Client, sequence: SequenceValue): Promise<Defect | undefined> {
  const name = quoteLiteral(quoteQualified(sequence.schema, sequence.name));
  const wanted = (BigInt(sequence.lastValue) - 1n).toString();
  const answer = await client.query(
    `select seqmin <= $1::int8 and has_sequence_privilege(seqrelid, 'update') as may
       from pg_sequence where seqrelid = to_regclass(${name})`,
    [wanted],
  );
  if (answer.rows[0]?.may !== true) return undefined;
  return {
    kind: "lowered sequence",
    expected: { kind: "sequence", identity: tableName(sequence), aspect: "value" },
    plant: [`select pg_catalog.setval(${name}::regclass, ${wanted}, true)`],
    undo: [`select pg_catalog.setval(${name}::regclass, ${sequence.lastValue}, ${sequence.isCalled})`],
  };
}

/** More than an index's definition: such things would be lost when it is made anew. */
const more = / (partition of|tablespace|statistics) |\b(ON ONLY)\b| (invalid|clustered|replica identity)$/;

export function missingIndexes(_client: Client, target: ProvenTarget): Candidate[] {
  return usersOwn(target, ["index"])
    .filter(({ definition, comment }) => comment === null && !more.test(` ${definition} `.trimEnd()))
    .map((object) => async () => ({
      kind: "missing index" as const,
      expected: expected(object, "missing"),
      plant: [`drop index ${object.identity}`],
      undo: [object.definition],
    }));
}

/** What every database can have. */
export function extraView(): Candidate {
  return async () => ({
    kind: "extra view",
    expected: { kind: "view", identity: "public.lifeboat_planted", aspect: "extra" },
    plant: ["create view public.lifeboat_planted as select 1 as planted"],
    undo: ["drop view public.lifeboat_planted"],
  });
}
