import type { Client } from "pg";
import { z } from "zod";
import { nameOnTable, quoteIdentifier, quoteLiteral, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { InventoryObject, SequenceValue } from "../../../postgres/inventory/model.ts";
import { isManagedSchema } from "../../../postgres/platform-owned.ts";
import { relationIdentity } from "../../../supabase/platform/platform.ts";
import type { ProvenTarget } from "../../target/target.ts";
import type { Candidate, Defect } from "./defect.ts";

const expected = ({ kind, identity }: InventoryObject, aspect: Defect["expected"]["aspect"]) => ({
  kind,
  identity,
  aspect,
});

/** Users' objects: what the comparison holds against a restore, whatever version of the platform is there. Pure. */
function usersOwn({ source, facts }: ProvenTarget, kinds: readonly string[]): InventoryObject[] {
  return source.objects.filter(
    (object) => kinds.includes(object.kind) && object.extension === null && facts.platform?.owns(object) !== true,
  );
}

/** On the platform's tables as well: policies there are made by users. */
export function droppedPolicies(client: Client, target: ProvenTarget): Candidate[] {
  const schemas = ["auth", "realtime", "storage"];
  return usersOwn(target, ["policy"])
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
    stands: `not exists (select from pg_policy p cross join lateral pg_identify_object('pg_policy'::regclass, p.oid, 0) i
                          where i.identity = ${quoteLiteral(object.identity)})`,
  };
}

/** The hole that a restore leaves when it forgets a REVOKE: anybody may call what only some may. */
export function regrantedFunctions(_client: Client, target: ProvenTarget): Candidate[] {
  const { source, facts } = target;
  const grantee = source.roles.some(({ name }) => name === "anon") ? "anon" : "";
  return (
    usersOwn(target, ["function", "procedure"])
      .filter(({ owner }) => facts.superuser || owner === facts.role)
      // Where all may call it, a right of one's own gives nothing.
      .filter(({ grants }) => grants !== null && !grants.some((grant) => [grantee, ""].includes(grant.grantee)))
      .map((object) => async () => {
        const to = grantee === "" ? "public" : quoteIdentifier(grantee);
        return {
          kind: "re-granted function" as const,
          expected: expected(object, "grants"),
          plant: [`grant execute on routine ${object.identity} to ${to}`],
          undo: [`revoke execute on routine ${object.identity} from ${to}`],
          stands: `exists (select from pg_proc p cross join lateral aclexplode(p.proacl) a
                          where p.oid = ${quoteLiteral(object.identity)}::regprocedure
                            and a.grantee = ${grantee === "" ? "0" : `${quoteLiteral(to)}::regrole`})`,
        };
      })
  );
}

/** Numbers would be given a second time. Not where the platform, an extension or rows that did not come keep the count. */
export function loweredSequences(client: Client, { source, facts, measured }: ProvenTarget): Candidate[] {
  const members = source.objects.filter(({ kind, extension }) => kind === "sequence" && extension !== null);
  const kept = new Set(members.map(({ identity }) => identity));
  return source.sequences
    .filter(({ schema }) => !(facts.supabase && isManagedSchema(schema)))
    .filter((one) =>
      one.countsFor === undefined ? !kept.has(relationIdentity(one)) : measured.has(tableName(one.countsFor)),
    )
    .map((sequence) => () => lower(client, sequence));
}

/** One draw back: what it gave last, it gives again. One that counts down is set higher for that. */
async function lower(client: Client, sequence: SequenceValue): Promise<Defect | undefined> {
  const qualified = quoteQualified(sequence.schema, sequence.name);
  const name = quoteLiteral(qualified);
  const { lastValue, isCalled } = sequence;
  const answer = await client.query(
    `select ($1::numeric - seqincrement)::text as wanted from pg_sequence
      where seqrelid = to_regclass(${name}) and $1::numeric - seqincrement between seqmin and seqmax
        and has_sequence_privilege(seqrelid, 'update, usage')`,
    [lastValue],
  );
  const wanted = z.strictObject({ wanted: z.string() }).optional().parse(answer.rows[0])?.wanted;
  if (wanted === undefined) return undefined;
  return {
    kind: "lowered sequence",
    expected: { kind: "sequence", identity: tableName(sequence), aspect: "value" },
    plant: [`select pg_catalog.setval(${name}::regclass, ${wanted}, ${isCalled})`],
    undo: [`select pg_catalog.setval(${name}::regclass, ${lastValue}, ${isCalled})`],
    stands: `(select last_value = ${wanted} and is_called = ${isCalled} from ${qualified})`,
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
      stands: `to_regclass(${quoteLiteral(object.identity)}) is null`,
    }));
}

/** What every database can have. */
export function extraView(): Candidate {
  return async () => ({
    kind: "extra view",
    expected: { kind: "view", identity: "public.lifeboat_planted", aspect: "extra" },
    plant: ["create view public.lifeboat_planted as select 1 as planted"],
    undo: ["drop view public.lifeboat_planted"],
    stands: "to_regclass('public.lifeboat_planted') is not null",
  });
}
