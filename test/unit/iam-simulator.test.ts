import { describe, expect, test } from "vitest";
import { type AnyStatement, evaluate, type Policies, type Verdict } from "../lab/iam/evaluate.ts";
import { account, s3Request } from "../lab/iam/s3-request.ts";

/**
 * The simulator against cases that were written by hand from AWS's documentation: the IAM User Guide (Policy evaluation logic; Condition
 * operators; Multivalued context keys; Principal, NotAction, NotResource), the S3 User Guide (Object Lock; Tagging and access control;
 * bucket policy examples) and the Service Authorization Reference. Those with a star moto judges otherwise, or not at all: it reads no
 * conditions but a few, and knows nothing of which keys S3 hands over.
 */

const bucket = "arn:aws:s3:::b";
const object = "arn:aws:s3:::b/database/x";
const role = `arn:aws:iam::${account}:role/lifeboat/qimma/backup/one`;
const allow = (Action: string | string[], Resource: string | string[] = "*", more: object = {}): AnyStatement => ({
  ...{ Effect: "Allow", Action, Resource },
  ...more,
});
const deny = (Action: string | string[], Resource: string | string[] = "*", more: object = {}): AnyStatement => ({
  ...allow(Action, Resource, more),
  Effect: "Deny",
});
const when = (Condition: AnyStatement["Condition"]) => ({ Condition });
const anybody = { Principal: "*" };
const yes: Verdict = "allowed";
const no: Verdict = "denied explicitly";
const silent: Verdict = "denied by default";
const put = s3Request("s3:PutObject", object);
const days = "s3:object-lock-remaining-retention-days";

type Case = readonly [name: string, policies: Policies, request: ReturnType<typeof s3Request>, verdict: Verdict];
const own = (...identity: AnyStatement[]): Policies => ({ identity });
const request = (context: Record<string, string | string[]>) => ({ ...put, context });

const cases: readonly Case[] = [
  // Policy evaluation logic
  ["nothing says anything: denied by default", own(), put, silent],
  ["an allowance that fits", own(allow("s3:PutObject", object)), put, yes],
  ["a denial wins over an allowance, in whatever order", own(deny("s3:PutObject"), allow("*")), put, no],
  ["a denial of something else says nothing", own(deny("s3:GetObject"), allow("*")), put, yes],
  ["an allowance of another resource", own(allow("s3:PutObject", "arn:aws:s3:::other/*")), put, silent],
  [
    "within an account the bucket's allowance is enough",
    { identity: [], resource: [{ ...allow("s3:PutObject"), ...anybody }] },
    put,
    yes,
  ],
  [
    "across accounts it is not",
    { identity: [], resource: [{ ...allow("s3:PutObject"), ...anybody }], sameAccount: false },
    put,
    silent,
  ],
  ["across accounts the identity's alone is not either", { ...own(allow("s3:*")), sameAccount: false }, put, silent],
  [
    "across accounts both are",
    { identity: [allow("s3:*")], resource: [{ ...allow("s3:*"), ...anybody }], sameAccount: false },
    put,
    yes,
  ],
  [
    "the bucket's denial wins over the identity's allowance",
    { identity: [allow("*")], resource: [{ ...deny("s3:*"), ...anybody }] },
    put,
    no,
  ],
  // Names of actions and resources
  ["actions have no case", own(allow("S3:putobject")), put, yes],
  ["a star within an action", own(allow("s3:Put*")), put, yes],
  ["and a question mark for one letter only", own(allow("s3:PutObjec?")), put, yes],
  ["which is not none", own(allow("s3:PutObject?")), put, silent],
  ["resources have case", own(allow("s3:PutObject", "arn:aws:s3:::B/*")), put, silent],
  ["a star in a resource passes over slashes", own(allow("s3:PutObject", "arn:aws:s3:::b/*x")), put, yes],
  ["the bucket's ARN is not its objects'", own(allow("s3:PutObject", bucket)), put, silent],
  [
    "and its objects' not the bucket's",
    own(allow("s3:ListBucket", `${bucket}/*`)),
    s3Request("s3:ListBucket", bucket),
    silent,
  ],
  [
    "a star is no prefix of another bucket's name",
    own(allow("s3:PutObject", "arn:aws:s3:::b/*")),
    s3Request("s3:PutObject", "arn:aws:s3:::bb/x"),
    silent,
  ],
  // NotAction, NotResource
  [
    "NotAction allows all but what it names *",
    own({ Effect: "Allow", NotAction: "s3:Delete*", Resource: "*" }),
    put,
    yes,
  ],
  ["and says nothing of what it names *", own({ Effect: "Allow", NotAction: "s3:Put*", Resource: "*" }), put, silent],
  [
    "NotAction in a denial denies everything else *",
    own(allow("*"), { Effect: "Deny", NotAction: "s3:Get*", Resource: "*" }),
    put,
    no,
  ],
  [
    "NotResource in a denial spares what it names *",
    own(allow("*"), { Effect: "Deny", Action: "s3:*", NotResource: object }),
    put,
    yes,
  ],
  [
    "and denies all else *",
    own(allow("*"), { Effect: "Deny", Action: "s3:*", NotResource: "arn:aws:s3:::c/*" }),
    put,
    no,
  ],
  // Principals
  [
    "a role by its ARN",
    { identity: [], resource: [{ ...allow("s3:*"), Principal: { AWS: role } }] },
    { ...put, principal: role },
    yes,
  ],
  [
    "another role is not meant",
    { identity: [], resource: [{ ...allow("s3:*"), Principal: { AWS: `${role}x` } }] },
    { ...put, principal: role },
    silent,
  ],
  [
    "an account stands for all in it",
    { identity: [allow("*")], resource: [{ ...deny("s3:*"), Principal: { AWS: account } }] },
    put,
    no,
  ],
  [
    "a principal takes no wildcard within an ARN",
    { identity: [], resource: [{ ...allow("s3:*"), Principal: { AWS: "arn:aws:iam::*:role/*" } }] },
    put,
    silent,
  ],
  [
    "a service is no role",
    { identity: [], resource: [{ ...allow("s3:*"), Principal: { Service: "s3.amazonaws.com" } }] },
    put,
    silent,
  ],
  [
    "ArnNotLike on aws:PrincipalArn spares a path *",
    {
      identity: [allow("*")],
      resource: [
        {
          ...deny(
            "s3:*",
            "*",
            when({ ArnNotLike: { "aws:PrincipalArn": `arn:aws:iam::${account}:role/lifeboat/qimma/backup/*` } }),
          ),
          ...anybody,
        },
      ],
    },
    put,
    yes,
  ],
  [
    "and denies everybody else *",
    {
      identity: [allow("*")],
      resource: [
        {
          ...deny(
            "s3:*",
            "*",
            when({ ArnNotLike: { "aws:PrincipalArn": `arn:aws:iam::${account}:role/lifeboat/qimma/erasure/*` } }),
          ),
          ...anybody,
        },
      ],
    },
    put,
    no,
  ],
  // Condition operators
  [
    "all keys of an operator must hold *",
    own(allow("*", "*", when({ StringEquals: { "x:a": "1", "x:b": "2" } }))),
    request({ "x:a": "1", "x:b": "3" }),
    silent,
  ],
  [
    "one value of several is enough",
    own(allow("*", "*", when({ StringEquals: { "x:a": ["1", "2"] } }))),
    request({ "x:a": "2" }),
    yes,
  ],
  [
    "all operators must hold",
    own(allow("*", "*", when({ StringEquals: { "x:a": "1" }, StringLike: { "x:b": "z*" } }))),
    request({ "x:a": "1", "x:b": "y" }),
    silent,
  ],
  [
    "StringNotEquals with a list: none of them *",
    own(deny("*", "*", when({ StringNotEquals: { "x:a": ["1", "2"] } })), allow("*")),
    request({ "x:a": "2" }),
    yes,
  ],
  [
    "keys have no case, values have",
    own(allow("*", "*", when({ StringEquals: { "X:A": "v" } }))),
    request({ "x:a": "V" }),
    silent,
  ],
  [
    "StringEqualsIgnoreCase",
    own(allow("*", "*", when({ StringEqualsIgnoreCase: { "x:a": "v" } }))),
    request({ "x:a": "V" }),
    yes,
  ],
  [
    "StringEquals takes a star for a star",
    own(allow("*", "*", when({ StringEquals: { "x:a": "v*" } }))),
    request({ "x:a": "vw" }),
    silent,
  ],
  [
    "a missing key: StringEquals is false",
    own(allow("*", "*", when({ StringEquals: { "x:a": "v" } }))),
    request({}),
    silent,
  ],
  [
    "a missing key: StringNotEquals is true *",
    own(allow("*"), deny("*", "*", when({ StringNotEquals: { "x:a": "v" } }))),
    request({}),
    no,
  ],
  [
    "a missing key: StringEqualsIfExists is true *",
    own(allow("*", "*", when({ StringEqualsIfExists: { "x:a": "v" } }))),
    request({}),
    yes,
  ],
  [
    "a missing key: StringNotEqualsIfExists in a denial denies *",
    own(allow("*"), deny("*", "*", when({ StringNotEqualsIfExists: { "x:a": "v" } }))),
    request({}),
    no,
  ],
  [
    "IfExists with the key there compares",
    own(allow("*", "*", when({ StringEqualsIfExists: { "x:a": "v" } }))),
    request({ "x:a": "w" }),
    silent,
  ],
  [
    "Null true: the key must be missing",
    own(allow("*", "*", when({ Null: { "x:a": "true" } }))),
    request({ "x:a": "1" }),
    silent,
  ],
  [
    "Null false: it must be there *",
    own(allow("*"), deny("*", "*", when({ Null: { "x:a": "false" } }))),
    request({ "x:a": "" }),
    no,
  ],
  [
    "NumericGreaterThan is not equal",
    own(allow("*"), deny("*", "*", when({ NumericGreaterThan: { "x:a": "10" } }))),
    request({ "x:a": "10" }),
    yes,
  ],
  [
    "numbers are compared as numbers *",
    own(allow("*"), deny("*", "*", when({ NumericGreaterThan: { "x:a": "9" } }))),
    request({ "x:a": "10" }),
    no,
  ],
  [
    "what is no number fits no number",
    own(allow("*", "*", when({ NumericLessThan: { "x:a": "9" } }))),
    request({ "x:a": "many" }),
    silent,
  ],
  [
    "a missing number: the denial says nothing *",
    own(allow("*"), deny("*", "*", when({ NumericGreaterThan: { "x:a": "9" } }))),
    request({}),
    yes,
  ],
  ["Bool compares words", own(allow("*", "*", when({ Bool: { "x:a": "True" } }))), request({ "x:a": "true" }), yes],
  [
    "a missing truth: Bool false in a denial says nothing",
    own(allow("*"), deny("*", "*", when({ Bool: { "x:a": "false" } }))),
    request({}),
    yes,
  ],
  [
    "ArnLike: a star ends at a colon *",
    own(allow("*", "*", when({ ArnLike: { "x:a": "arn:aws:*:role/x" } }))),
    request({ "x:a": "arn:aws:iam::1:role/x" }),
    silent,
  ],
  [
    "StringLike: it does not",
    own(allow("*", "*", when({ StringLike: { "x:a": "arn:aws:*:role/x" } }))),
    request({ "x:a": "arn:aws:iam::1:role/x" }),
    yes,
  ],
  [
    "ForAnyValue: one of them *",
    own(allow("*", "*", when({ "ForAnyValue:StringEquals": { "x:a": ["1"] } }))),
    request({ "x:a": ["0", "1"] }),
    yes,
  ],
  [
    "ForAnyValue of a missing key is false, also in a denial *",
    own(allow("*"), deny("*", "*", when({ "ForAnyValue:StringEquals": { "x:a": "1" } }))),
    request({}),
    yes,
  ],
  [
    "ForAllValues: each of them *",
    own(allow("*", "*", when({ "ForAllValues:StringEquals": { "x:a": ["1"] } }))),
    request({ "x:a": ["0", "1"] }),
    silent,
  ],
  [
    "ForAllValues of a missing key is true, which allows *",
    own(allow("*", "*", when({ "ForAllValues:StringEquals": { "x:a": "1" } }))),
    request({}),
    yes,
  ],
  // S3
  [
    "a denial without TLS *",
    own(allow("*"), deny("*", "*", when({ Bool: { "aws:SecureTransport": "false" } }))),
    s3Request("s3:PutObject", object, { tls: "none" }),
    no,
  ],
  [
    "an old TLS *",
    own(allow("*"), deny("*", "*", when({ NumericLessThan: { "s3:TlsVersion": "1.2" } }))),
    s3Request("s3:PutObject", object, { tls: "1.1" }),
    no,
  ],
  [
    "another region *",
    own(allow("*"), deny("*", "*", when({ StringNotEquals: { "aws:RequestedRegion": ["us-east-1"] } }))),
    s3Request("s3:PutObject", object, { region: "eu-west-1" }),
    no,
  ],
  [
    "a lock that is too long *",
    own(allow("*"), deny("s3:PutObjectRetention", "*", when({ NumericGreaterThan: { [days]: "30" } }))),
    s3Request("s3:PutObjectRetention", object, { lockDays: 31 }),
    no,
  ],
  [
    "one that is not *",
    own(allow("*"), deny("s3:PutObjectRetention", "*", when({ NumericGreaterThan: { [days]: "30" } }))),
    s3Request("s3:PutObjectRetention", object, { lockDays: 30 }),
    yes,
  ],
  [
    "an object put without a lock has no days *",
    own(allow("*"), deny("s3:PutObject", "*", when({ NumericGreaterThan: { [days]: "30" } }))),
    put,
    yes,
  ],
  [
    "a key of the customer's own *",
    own(
      allow("*"),
      deny("s3:PutObject", "*", when({ Null: { "s3:x-amz-server-side-encryption-customer-algorithm": "false" } })),
    ),
    s3Request("s3:PutObject", object, { customerKey: true }),
    no,
  ],
  [
    "a tag lets read *",
    own(allow("s3:GetObject", "*", when({ StringEquals: { "s3:ExistingObjectTag/keep": "yes" } }))),
    s3Request("s3:GetObject", object, { tags: { keep: "yes" } }),
    yes,
  ],
  [
    "a tag cannot forbid to delete: S3 does not hand it over *",
    own(
      allow("*"),
      deny("s3:DeleteObjectVersion", "*", when({ StringEquals: { "s3:ExistingObjectTag/keep": "yes" } })),
    ),
    s3Request("s3:DeleteObjectVersion", object, { tags: { keep: "yes" } }),
    yes,
  ],
  [
    "nor to overwrite *",
    own(allow("*"), deny("s3:PutObject", "*", when({ StringEquals: { "s3:ExistingObjectTag/keep": "yes" } }))),
    s3Request("s3:PutObject", object, { tags: { keep: "yes" } }),
    yes,
  ],
  [
    "to set a hold and to lift one can be told apart by its word *",
    own(allow("*"), deny("s3:PutObjectLegalHold", "*", when({ StringEquals: { "s3:object-lock-legal-hold": "OFF" } }))),
    s3Request("s3:PutObjectLegalHold", object, { legalHold: "OFF" }),
    no,
  ],
  [
    "to delete a version is another right than to hide it",
    own(allow("s3:DeleteObject")),
    s3Request("s3:DeleteObjectVersion", object),
    silent,
  ],
];

test.each(cases)("%s", (_, policies, asked, verdict) => expect(evaluate(policies, asked)).toBe(verdict));

describe("the simulator", () => {
  test("has more than forty golden cases", () => expect(cases.length).toBeGreaterThan(40));
  test("refuses an operator that nobody has taught it, where it would have to guess", () =>
    expect(() =>
      evaluate(own(allow("*", "*", when({ IpAddress: { "aws:SourceIp": "10.0.0.0/8" } }))), request({})),
    ).toThrow("IpAddress"));
});
