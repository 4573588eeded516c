import { expect, test } from "vitest";
import { evaluate } from "../lab/iam/evaluate.ts";
import {
  allow,
  anybody,
  bucket,
  type Case,
  deny,
  no,
  object,
  own,
  put,
  role,
  silent,
  when,
  yes,
} from "../lab/iam/golden.ts";
import { account, s3Request } from "../lab/iam/s3-request.ts";

/**
 * The simulator against cases that were written by hand from AWS's documentation: the IAM User Guide (Policy evaluation logic; Condition
 * operators; Multivalued context keys; Principal, NotAction, NotResource), the S3 User Guide (Object Lock; Tagging and access control;
 * bucket policy examples) and the Service Authorization Reference. Those with a star moto judges otherwise, or not at all: it reads no
 * conditions but a few, and knows nothing of which keys S3 hands over.
 */

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
];

test.each(cases)("%s", (_, policies, asked, verdict) => expect(evaluate(policies, asked)).toBe(verdict));

test("these are more than twenty golden cases", () => expect(cases.length).toBeGreaterThan(20));
