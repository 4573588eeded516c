/** What the monitor asks S3 about a bucket, beside its versions and rules, to see that it is still as it was made. */
export const bucketQuestions = [
  "GetAccelerateConfiguration",
  "GetBucketNotification",
  "GetBucketOwnershipControls",
  "GetBucketPolicy",
  "GetBucketPublicAccessBlock",
  "GetBucketTagging",
  "GetEncryptionConfiguration",
  "GetReplicationConfiguration",
];

/** And what it asks the account about roles, the provider, and the alarm. None of them tells a secret. */
export const awsQuestions = [
  "cloudwatch:DescribeAlarms",
  "events:DescribeRule",
  "iam:GetOpenIDConnectProvider",
  "iam:GetPolicyVersion",
  "iam:GetRolePolicy",
  "iam:ListAttachedRolePolicies",
  "iam:ListOpenIDConnectProviders",
  "iam:ListPolicies",
  "iam:ListRolePolicies",
  "iam:ListRoles",
];
