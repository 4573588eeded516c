#!/usr/bin/env bash
# Tries the matrix of roles against AWS itself, by IAM's own simulator, which reads the policies that really hang on them:
#
#   S3_BACKUP_BUCKET=… S3_STORAGE_BUCKET=… scripts/provision/try-roles.sh <project>
#
# Needs the AWS CLI, and credentials that may iam:ListRoles and iam:SimulatePrincipalPolicy. It changes nothing. What each role must and must not
# do stands below; test/unit/role-matrix.test.ts judges all of it without an account.
set -euo pipefail
project=${1:?name the project: project.name of the policy in small letters}
db=${S3_BACKUP_BUCKET:?}
files=${S3_STORAGE_BUCKET:-$db}
failed=0

role_arn() {
  aws iam list-roles --path-prefix "/lifeboat/$project/$1/" --query 'Roles[0].Arn' --output text
}

# try <role> <allowed|denied> <action> <bucket/key>
try() {
  local arn decision wanted=$2
  arn=$(role_arn "$1")
  if [ "$arn" = None ]; then
    echo "MISSING  role $1"
    failed=1
    return
  fi
  decision=$(aws iam simulate-principal-policy --policy-source-arn "$arn" --action-names "s3:$3" \
    --resource-arns "arn:aws:s3:::$4" \
    --context-entries "ContextKeyName=aws:RequestedRegion,ContextKeyValues=${AWS_REGION:-us-east-1},ContextKeyType=string" \
    --query 'EvaluationResults[0].EvalDecision' --output text)
  [ "$decision" = allowed ] || decision=denied
  if [ "$decision" = "$wanted" ]; then
    echo "ok       $1 $3 $4: $decision"
  else
    echo "WRONG    $1 $3 $4: $decision, wanted $wanted"
    failed=1
  fi
}

for role in backup proving drill restore retention incident monitor; do
  try "$role" allowed GetObject "$db/database/daily/x/manifest.json"
  try "$role" denied BypassGovernanceRetention "$db/database/daily/x/manifest.json"
  try "$role" denied DeleteObject "$db/database/daily/x/manifest.json"
  try "$role" denied PutBucketPolicy "$db"
done
try backup allowed PutObject "$db/database/daily/x/manifest.json"
try backup allowed PutObjectRetention "$files/packs/x"
try backup denied DeleteObjectVersion "$db/database/daily/x/manifest.json"
try proving allowed PutObject "$db/proofs/x/1.json"
try proving denied PutObject "$db/database/daily/x/manifest.json"
try restore allowed RestoreObject "$db/database/monthly/x/data/1"
try restore denied PutObject "$db/database/daily/x/manifest.json"
try retention allowed DeleteObjectVersion "$db/database/daily/x/manifest.json"
try retention denied DeleteObjectVersion "$db/holds/x/1.json"
try retention denied PutObjectLegalHold "$db/database/daily/x/manifest.json"
try incident allowed PutObjectLegalHold "$db/database/daily/x/manifest.json"
try incident denied DeleteObjectVersion "$db/database/daily/x/manifest.json"
try erasure allowed BypassGovernanceRetention "$files/packs/x"
try erasure denied PutObjectLegalHold "$files/packs/x"
try monitor denied PutObject "$db/database/daily/x/manifest.json"

exit "$failed"
