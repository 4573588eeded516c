import type { Context } from "./conditions.ts";
import type { IamRequest } from "./evaluate.ts";

/** What S3 knows of a request when it asks IAM. */
export interface S3Facts {
  /** Days that the lock which is asked for has left. */
  readonly lockDays?: number;
  readonly legalHold?: "ON" | "OFF";
  /** Tags of the object that is there. */
  readonly tags?: Readonly<Record<string, string>>;
  /** A key of the customer's own. */
  readonly customerKey?: boolean;
  readonly tls?: "none" | "1.1" | "1.2" | "1.3";
  readonly region?: string;
  readonly principal?: string;
}

export const account = "111122223333";

/** "You cannot … grant or deny … to delete or overwrite an object based on its existing tags" (S3 User Guide, Tagging and access control). */
const seesTags =
  /^s3:(?:(?:Get|Put)Object(?:Version)?(?:Tagging|Acl)|DeleteObject(?:Version)?Tagging|GetObject(?:Version)?)$/;
const seesLock = /^s3:(?:PutObject|PutObjectRetention|ReplicateObject)$/;

/** A request as S3 hands it to IAM: with the keys that it gives to this action, and no others. */
export function s3Request(action: string, resource: string, facts: S3Facts = {}): IamRequest {
  const {
    tls = "1.3",
    region = "us-east-1",
    principal = `arn:aws:iam::${account}:role/lifeboat/qimma/backup/one`,
  } = facts;
  const tags = seesTags.test(action) ? Object.entries(facts.tags ?? {}) : [];
  const context: Context = {
    "aws:SecureTransport": String(tls !== "none"),
    "aws:RequestedRegion": region,
    "aws:PrincipalArn": principal,
    ...(tls !== "none" && { "s3:TlsVersion": tls }),
    ...(facts.lockDays !== undefined &&
      seesLock.test(action) && { "s3:object-lock-remaining-retention-days": String(facts.lockDays) }),
    ...(facts.legalHold !== undefined &&
      action === "s3:PutObjectLegalHold" && { "s3:object-lock-legal-hold": facts.legalHold }),
    ...(facts.customerKey === true &&
      action === "s3:PutObject" && { "s3:x-amz-server-side-encryption-customer-algorithm": "AES256" }),
    ...Object.fromEntries(tags.map(([key, value]) => [`s3:ExistingObjectTag/${key}`, value])),
  };
  return { action, resource, principal, context };
}
