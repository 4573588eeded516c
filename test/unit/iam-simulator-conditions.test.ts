import { expect, test } from "vitest";
import { evaluate } from "../lab/iam/evaluate.ts";
import { allow, type Case, days, deny, no, object, own, put, request, silent, when, yes } from "../lab/iam/golden.ts";
import { s3Request } from "../lab/iam/s3-request.ts";

/** The second half of the golden cases (iam-simulator.test.ts): conditions, and which keys S3 hands over. */

const cases: readonly Case[] = [
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

test("these are more than thirty-five golden cases", () => expect(cases.length).toBeGreaterThan(35));

test("the simulator refuses an operator that nobody has taught it, where it would have to guess", () =>
  expect(() =>
    evaluate(own(allow("*", "*", when({ IpAddress: { "aws:SourceIp": "10.0.0.0/8" } }))), request({})),
  ).toThrow("IpAddress"));
