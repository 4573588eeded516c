import { readManaged, readRoles } from "../../../aws/identity.ts";
import { ConfigurationError, OperationError } from "../../../base/errors.ts";
import { bucketStatements } from "../../../policy/cloud/bucket.ts";
import { projectName } from "../../../policy/cloud/parameters.ts";
import { shared } from "../../../policy/cloud/role-statements.ts";
import { roleNames, roles } from "../../../policy/cloud/roles.ts";
import { statementsIn } from "../../../policy/cloud/statement-drift.ts";
import type { Context } from "../../context.ts";
import { accountPlace, type Buckets } from "../place.ts";
import { readBucket } from "../read-bucket.ts";

/**
 * Putting back takes away whatever stands beside ours, and what somebody denies there protects the vault.
 * @throws ConfigurationError `own-denials`; OperationError `own-denials-unknown`
 */
export async function assertNoOwnDenials(context: Context, buckets: Buckets, keepBuckets: boolean): Promise<void> {
  const all = [
    ...(keepBuckets ? [] : await ofBuckets(buckets)),
    ...(await ofAccount(context, buckets.database.region)),
  ];
  if (all.length === 0) return;
  throw new ConfigurationError(
    "own-denials",
    `Putting back would take away what was denied beside our statements: ${all.join("; ")}. Nothing was changed`,
    "Put the other properties back by the sentences of `lifeboat provision check`. Or keep a copy of the denial, remove it by hand, run it again, and set the denial again.",
  );
}

async function ofBuckets({ database, files, replica }: Buckets): Promise<string[]> {
  const places = [
    ["DatabaseBucket", database],
    ["FilesBucket", files],
    ...(replica === undefined ? [] : [["ReplicaBucket", replica] as const]),
  ] as const;
  const found = places.map(async ([bucket, place]) => {
    const policy = (await readBucket(place))?.PolicyDocument;
    if (policy !== undefined && policy.state !== "known")
      throw new OperationError(
        "own-denials-unknown",
        `The policy of the bucket ${place.bucket} cannot be read, so that nobody knows what putting it back would take away: ${policy.why}`,
        "Grant s3:GetBucketPolicy to whoever runs this, and run it again.",
      );
    return beside(`bucket ${place.bucket}`, policy?.value, namesOf(bucketStatements(bucket)));
  });
  return (await Promise.all(found)).flat();
}

async function ofAccount(context: Context, region: string): Promise<string[]> {
  const place = accountPlace(context.env, region);
  const below = `/lifeboat/${projectName(context.config().policy)}/`;
  const ours = namesOf([
    ...roleNames.flatMap((name) => roles[name].statements),
    ...Object.values(shared).flatMap(({ statements }) => statements),
  ]);
  const [found, managed] = await Promise.all([readRoles(place, below), readManaged(place, below)]);
  return [
    ...found.flatMap(({ path, inline }) =>
      [...inline.values()].flatMap((one) => beside(`role ${path.slice(below.length, -1)}`, one, ours)),
    ),
    ...managed.flatMap(({ path, document }) => beside(`policy ${path.slice(below.length, -1)}`, document, ours)),
  ];
}

function beside(where: string, document: unknown, ours: ReadonlySet<string>): string[] {
  return statementsIn(document)
    .filter(({ Sid, Effect }) => Effect === "Deny" && !ours.has(Sid ?? ""))
    .map(({ Sid = "without a name" }) => `${where}, ${Sid}`);
}

function namesOf(statements: readonly { readonly Sid: string }[]): ReadonlySet<string> {
  return new Set(statements.map(({ Sid }) => Sid));
}
