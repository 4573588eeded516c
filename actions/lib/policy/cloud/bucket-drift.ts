import type { BucketProperties, BucketProperty } from "../../vault/bucket/properties.ts";
import { bucketProperties, bucketStatements } from "./bucket.ts";
import { type Bucket, filled, type Json, type Values } from "./document.ts";
import type { Property } from "./property.ts";
import { statementProperties } from "./statement-drift.ts";

type Part = readonly [what: string, wanted: unknown, found: unknown, level?: Property["level"]];
interface Known {
  readonly [name: string]: Json | undefined;
}

interface Rule {
  readonly Id?: string;
  readonly Status?: string;
  readonly Filter?: { readonly Prefix?: string };
  readonly [name: string]: unknown;
}

/** Names of properties are told where anybody may read them, the buckets' own are not. */
const whose = { DatabaseBucket: "database", FilesBucket: "files", ReplicaBucket: "replica" } as const;

/** Every property of one bucket, as it should be and as it is. @param facts undefined: there is no such bucket */
export function bucketDrift(bucket: Bucket, values: Values, facts: BucketProperties | undefined): Property[] {
  const name = String(values[bucket]);
  const of = `bucket of the ${whose[bucket]}`;
  if (facts === undefined)
    return [
      { name: of, level: "critical", wanted: "there", found: "missing", next: "Make it: `lifeboat provision aws`." },
    ];
  const wanted = filled(bucketProperties(bucket), values) as Known;
  const place = `S3, bucket ${name}`;
  const property = (source: BucketProperty, next: string, parts: (found: unknown) => readonly Part[]): Property[] => {
    const fact = facts[source];
    const found = fact.state === "known" ? fact.value : undefined;
    const unknown: Pick<Property, "unknown"> = fact.state === "known" ? {} : { unknown: fact.why };
    return parts(found).map(([what, want, have, level = "critical"]): Property => {
      const one = { name: `${of}: ${what}`, wanted: want, found: have, next: `${place}, ${next}` };
      return { ...one, ...unknown, level };
    });
  };
  const set = (source: BucketProperty, what: string, next: string, at: (all: Known) => unknown) =>
    property(source, next, (found) => [[what, at((wanted[source] ?? {}) as Known), at((found ?? {}) as Known)]]);
  const policy = facts.PolicyDocument;
  return [
    ...property("Region", "which cannot be moved: make another in an allowed region.", (found) => [
      ["region", true, (values["Regions"] as readonly string[]).includes(String(found))],
    ]),
    ...set("VersioningConfiguration", "versioning", "Properties: enable Bucket Versioning.", ({ Status }) => Status),
    ...property("ObjectLockEnabled", "Properties: enable Object Lock.", (found) => [
      ["object lock", true, found === true],
    ]),
    ...property("PublicAccessBlockConfiguration", "Permissions: Block all public access.", (found) =>
      Object.keys(wanted["PublicAccessBlockConfiguration"] as object).map(
        (one): Part => [`public access, ${one}`, true, (found as Known | undefined)?.[one] ?? false],
      ),
    ),
    ...set("OwnershipControls", "ownership", "Permissions: Object Ownership, ACLs disabled.", ({ Rules }) => Rules),
    ...set(
      "BucketEncryption",
      "encryption",
      "Properties: Default encryption with Amazon S3 managed keys; replication has no right to other keys.",
      (all) => all["ServerSideEncryptionConfiguration"],
    ),
    ...property("LifecycleConfiguration", "Management: Lifecycle rules.", (found) =>
      lifecycle(rulesOf(wanted["LifecycleConfiguration"]), rulesOf(found)),
    ),
    ...property("Tags", "Properties: Tags.", (found) =>
      (wanted["Tags"] as readonly { Key: string; Value: string }[]).map(
        ({ Key, Value }): Part => [
          `tag ${Key}`,
          Value,
          listOf(found).find((tag) => tag["Key"] === Key)?.["Value"],
          "warning",
        ],
      ),
    ),
    ...property(
      "AccelerateConfiguration",
      "Properties: Transfer acceleration, off: it leaves the regions.",
      (found) => [["acceleration", "Suspended", (found as Known | undefined)?.["AccelerationStatus"] ?? "Suspended"]],
    ),
    ...(wanted["NotificationConfiguration"] === undefined
      ? []
      : property("NotificationConfiguration", "Properties: send notifications to Amazon EventBridge.", (found) => [
          ["events", wanted["NotificationConfiguration"], found],
        ])),
    ...(wanted["ReplicationConfiguration"] === undefined
      ? []
      : property("ReplicationConfiguration", "Management: Replication rules (runbooks/replica.md).", (found) =>
          replication(wanted["ReplicationConfiguration"] as Known, (found ?? {}) as Known),
        )),
    ...statementProperties(
      `${of}: policy`,
      filled(bucketStatements(bucket) as unknown as Json, values),
      policy.state === "known" ? policy.value : undefined,
      `${place}, Permissions: Bucket policy, as scripts/provision/${bucket === "ReplicaBucket" ? "replica" : "vault"}.yml has it.`,
    ).map((one) => (policy.state === "known" ? one : { ...one, unknown: policy.why })),
  ];
}

function lifecycle(wanted: readonly Rule[], found: readonly Rule[]): Part[] {
  const ours = new Set(wanted.map(({ Id }) => Id));
  const foreign = found.filter((rule) => !ours.has(rule.Id) && rule.Status === "Enabled" && acts(rule));
  return [
    ...wanted.map((rule): Part => [`lifecycle ${rule.Id}`, rule, found.find(({ Id }) => Id === rule.Id)]),
    ["lifecycle, other rules", [], foreign.map(({ Id = "without a name" }) => Id)],
  ];
}

/** What moves or removes objects. */
function acts(rule: Rule): boolean {
  const expires = rule["Expiration"] as { Days?: number; Date?: unknown } | undefined;
  return (
    expires?.Days !== undefined ||
    expires?.Date !== undefined ||
    ["Transitions", "NoncurrentVersionExpiration", "NoncurrentVersionTransitions"].some(
      (one) => rule[one] !== undefined,
    )
  );
}

/** By the prefix: a rule may have another name and place. */
function replication(wanted: Known, found: Known): Part[] {
  const essence = (rule: Rule | undefined): unknown =>
    rule && {
      ...{ Status: rule.Status, DeleteMarkerReplication: rule["DeleteMarkerReplication"] },
      Destination: rule["Destination"],
    };
  return [
    ["replication, role", wanted["Role"], found["Role"]],
    ...rulesOf(wanted).map(
      (rule): Part => [
        `replication of ${rule.Filter?.Prefix}`,
        essence(rule),
        essence(rulesOf(found).find(({ Filter }) => Filter?.Prefix === rule.Filter?.Prefix)),
      ],
    ),
  ];
}

function rulesOf(value: unknown): readonly Rule[] {
  return typeof value === "object" && value !== null && "Rules" in value
    ? (listOf(value.Rules) as readonly Rule[])
    : [];
}

function listOf(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value : [];
}
