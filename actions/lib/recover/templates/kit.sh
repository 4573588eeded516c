#!/usr/bin/env bash
# Brings a database and its files back out of the vault or its replica, with stock tools alone: READ-ME-FIRST.md says how.
«# It chooses, checks and thaws. How a set is restored says the page in the set itself, which the signed manifest vouches for: its
blocks are run as they are. So no way of restoring is written twice, and a set of years ago is restored as it was written.»
«strict.sh»
KIT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage() {
  cat << 'END'
recover.sh list                 sets and snapshots of the files, newest first, and what is wrong with one
recover.sh database             a set into an empty database: TARGET_DATABASE_URL
recover.sh files                a snapshot of the files: into a folder (--to), or into a project over what is there (--overwrite)
recover.sh all                  both, into a new project
  --set ID, --snapshot ID       not the newest
  --bucket NAME                 not S3_BACKUP_BUCKET and S3_STORAGE_BUCKET: the replica, which has both
  --key FILE                    the private key that opens; without it, what GnuPG on this machine has
  --only REGEX                  of the files: an extended regular expression over bucket/path
  --thaw                        asks Glacier for what lies there, and waits
  --work FOLDER                 for stored bytes and, of the files, plain ones: on an encrypted disk (default: recovery)
  --dry-run                     checks everything that can be checked, changes nothing
Environment: SIGNING_FINGERPRINT (from paper, not from here; the word kit believes this kit), AWS_REGION and AWS_* as for aws, RESTORE_PASSPHRASE,
TARGET_DATABASE_URL, TARGET_STORAGE_ENDPOINT, TARGET_STORAGE_REGION, TARGET_STORAGE_ACCESS_KEY_ID, TARGET_STORAGE_SECRET_ACCESS_KEY
END
}
verb=${1:-} chosen_set='' chosen_snapshot='' replica='' key='' to='' only='' thaw='' overwrite='' dry='' work=recovery
case $verb in list | database | files | all) shift ;; -h | --help | help) usage && exit 0 ;; *) usage >&2 && exit 2 ;; esac
while [ $# -gt 0 ]; do
  case $1 in
    --thaw) thaw=1 ;;
    --overwrite) overwrite=1 ;;
    --dry-run) dry=1 ;;
    --set | --snapshot | --bucket | --key | --to | --only | --work)
      [ $# -gt 1 ] || { echo "STOPPED: $1 needs a value" >&2 && exit 2; }
      case $1 in
        --set) chosen_set=$2 ;;
        --snapshot) chosen_snapshot=$2 ;;
        --bucket) replica=$2 ;;
        --key) key=$2 ;;
        --to) to=$2 ;;
        --only) only=$2 ;;
        --work) work=$2 ;;
      esac
      shift
      ;;
    *) echo "STOPPED: recover.sh knows no $1 (--help)" >&2 && exit 2 ;;
  esac
  shift
done
for id in "$chosen_set" "$chosen_snapshot"; do
  [[ "$id" =~ ^([0-9]{8}T[0-9]{6}Z-[0-9a-f]{8})?$ ]] || fail "a set or a snapshot is named like 20261122T221500Z-1a2b3c4d"
done
: "${SIGNING_FINGERPRINT:?of the key that signs backups, from paper or from somebody you trust; the word kit believes this kit}"
SETS_IN=${replica:-${S3_BACKUP_BUCKET:-}} FILES_IN=${replica:-${S3_STORAGE_BUCKET:-}}
[ "$verb" = files ] || [ -n "$SETS_IN" ] || fail "set S3_BACKUP_BUCKET, or name the bucket: --bucket"
[ "$verb" = database ] || [ "$verb" = list ] || [ -n "$FILES_IN" ] || fail "set S3_STORAGE_BUCKET, or name the bucket: --bucket"
[ "$verb" = files ] || [ "$verb" = list ] || : "${TARGET_DATABASE_URL:?connection string of the empty database, or of a new project}"
if [ "$verb" = all ] || { [ "$verb" = files ] && [ -z "$to" ]; }; then
  [ "$verb" = all ] || [ -n "$overwrite" ] || fail "where to? --to FOLDER; or --overwrite, over what the project has"
  : "${TARGET_DATABASE_URL:?of the project}" "${TARGET_STORAGE_ENDPOINT:?of the project}" "${TARGET_STORAGE_ACCESS_KEY_ID:?}" "${TARGET_STORAGE_SECRET_ACCESS_KEY:?}"
fi
for tool in gpg zstd sha256sum awk sed grep sort base64 od paste mktemp; do
  command -v "$tool" > /dev/null || fail "there is no $tool here: TOOLS.md says where it is had"
done
case $verb in database | all) command -v psql > /dev/null || fail "there is no psql here: TOOLS.md says where it is had" ;; esac
case $verb in files | all) command -v tar > /dev/null || fail "there is no tar here" ;; esac
command -v aws > /dev/null || curl --help all 2> /dev/null | grep -q aws-sigv4 || fail "there is neither aws nor a curl that signs requests (7.88 or newer)"
export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-${AWS_REGION:-us-east-1}}"
[ -z "$key" ] || key=$(cd "$(dirname "$key")" && pwd)/$(basename "$key")
[ -z "$to" ] || { mkdir -p "$to" && to=$(cd "$to" && pwd); }
mkdir -p "$work"
work=$(cd "$work" && pwd)
cd "$work"

# GnuPG: the path of its agent's socket has at most 107 bytes.
KIT_WORK=$(mktemp -d /tmp/lifeboat-kit.XXXXXX)
# shellcheck disable=SC2317,SC2329 # the trap calls it
tidy_up() {
  [ -z "$key" ] || gpgconf --homedir "$KIT_WORK" --kill all 2> /dev/null || true
  rm -rf "$KIT_WORK"
}
trap tidy_up EXIT
: > "$KIT_WORK/from-kit"
GPG="${GPG:-gpg} --batch"
[ -z "$key" ] || { export GNUPGHOME="$KIT_WORK" && printf 's2k-count 65536\n' > "$KIT_WORK/gpg-agent.conf"; }
if [ -n "${RESTORE_PASSPHRASE:-}" ]; then
  printf '%s' "$RESTORE_PASSPHRASE" > "$KIT_WORK/passphrase"
  GPG="$GPG --pinentry-mode loopback --passphrase-file $KIT_WORK/passphrase"
  unset RESTORE_PASSPHRASE
fi
export KIT KIT_WORK GPG
$GPG --quiet --import "$KIT/public-keys.asc" 2> gpg.txt || { cat gpg.txt >&2 && fail "the kit's public keys cannot be read"; }
[ -z "$key" ] || $GPG --quiet --import "$key" 2> gpg.txt || { cat gpg.txt >&2 && fail "$key is no private key"; }

# This kit: one of the signing keys has signed what it consists of.
[ "$SIGNING_FINGERPRINT" != unknown ] || fail "SIGNING_FINGERPRINT is a fingerprint here, or the word kit"
if [ "$SIGNING_FINGERPRINT" = kit ]; then
  SIGNING_FINGERPRINT=$(paste -s -d , < "$KIT/signers.txt")
else
  grep -Fqx "$(printf '%s' "$SIGNING_FINGERPRINT" | tr -d ' ' | tr abcdef ABCDEF)" "$KIT/signers.txt" ||
    fail "this kit does not know the signing key $SIGNING_FINGERPRINT: it is another project's, or older than that key. Take a newer one"
fi
«signatures.sh»
signed "$KIT/SHA256SUMS.sig" "$KIT/SHA256SUMS"
(cd "$KIT" && sha256sum --check --quiet SHA256SUMS) || fail "this kit is not whole: take another copy"
SIGNER=$(paste -s -d '|' < "$KIT/signers.txt")
SIGNING_FINGERPRINT=$(paste -s -d , < "$KIT/signers.txt")
export SIGNING_FINGERPRINT
# shellcheck source=/dev/null
. "$KIT/s3.sh"
«opening.sh»

ids_below() { # bucket, prefix: folders that are named like a set
  aws s3api list-object-versions --bucket "$1" --prefix "$2" --delimiter / --query 'CommonPrefixes[].[Prefix]' --output text > listed ||
    fail "bucket $1 does not answer, or may not be listed"
  sed -n -E "s|^$2([0-9]{8}T[0-9]{6}Z-[0-9a-f]{8})/\$|\1\t$2|p" listed
}
state_of() { # bucket, prefix of a set: there, hidden, or none
  local query
  for query in 'Versions[?IsLatest].[Key]' 'DeleteMarkers[?IsLatest].[Key]'; do
    aws s3api list-object-versions --bucket "$1" --prefix "$2manifest.json" --query "$query" --output text > listed || fail "bucket $1 does not answer"
    grep -Fqx "$2manifest.json" listed || continue
    case $query in Versions*) echo there ;; *) echo hidden ;; esac
    return
  done
  echo none
}
take_manifest() { # bucket, prefix, id: manifest.json, believed
  local known
  rm -f manifest.json manifest.json.sig
  aws s3 cp --only-show-errors --no-progress "s3://$1/$2$3/manifest.json" manifest.json || fail "$2$3/manifest.json cannot be read"
  aws s3 cp --only-show-errors --no-progress "s3://$1/$2$3/manifest.json.sig" manifest.json.sig 2> /dev/null || fail "$2$3 is not signed"
  signed manifest.json.sig manifest.json
  grep -Eqx " +\"set\": \"$3\"," manifest.json || fail "$2$3/manifest.json is the one of another set"
  known=$(awk -F'\t' -v where="$2$3/" '$1 == where { print $2 }' "$KIT/sets.tsv") || fail "sets.tsv of this kit cannot be read"
  [ -z "$known" ] || [ "$known" = "$(sha256sum < manifest.json | cut -d ' ' -f 1)" ] ||
    fail "$2$3/manifest.json is signed, but another than the one that this kit knows: somebody has put it in its place"
}
choose() { # bucket, id or nothing, prefixes: FOUND and PREFIX, the newest that is believed; its manifest.json
  local bucket=$1 wanted=$2 id prefix state newest='' known
  local -a rows
  shift 2
  : > rows
  for prefix in "$@"; do ids_below "$bucket" "$prefix" >> rows; done
  mapfile -t rows < <(LC_ALL=C sort -r rows)
  FOUND=''
  for id in "${rows[@]}"; do
    prefix=${id#*$'\t'} id=${id%%$'\t'*}
    [ -z "$wanted" ] || [ "$id" = "$wanted" ] || continue
    state=$(state_of "$bucket" "$prefix$id/")
    [ "$state" != none ] || continue
    [ "$state" != hidden ] || fail "$prefix$id is hidden by a delete marker over its manifest, and not by Lifeboat. Find out who wrote it, and remove it; or name another (recover.sh list)"
    (take_manifest "$bucket" "$prefix" "$id") || fail "$prefix$id is not to be trusted. Find out who wrote it; an older one is taken when it is named (recover.sh list)"
    newest=${newest:-$id}
    if [ -z "$wanted" ] && grep -Eq '^ +"incident": "' manifest.json; then
      echo "$id is passed over: it was made while an incident was on. To use it, name it"
      continue
    fi
    FOUND=$id PREFIX=$prefix
    break
  done
  [ -n "$FOUND" ] || fail "there is no ${wanted:-set} in bucket $bucket"
  known=$(awk -F'\t' -v kind="${1%%/*}/" 'index($1, kind) == 1 { n = split($1, part, "/"); print part[n - 1] }' "$KIT/sets.tsv" | LC_ALL=C sort | tail -n 1)
  [ -n "$wanted" ] || [ -z "$known" ] || [[ ! "$newest" < "$known" ]] ||
    fail "bucket $bucket has nothing newer than $newest, and this kit knows $known: somebody has removed sets, or put the bucket back. $newest is taken when it is named"
}
names_of() { # of a set's manifest: SHA-256 and name, a line each
  awk -F'"' '$2 == "key" { key = $4 } $2 == "sha256" && key != "" { print $4 "  " key; key = "" }' manifest.json
}
page_of() { # bucket, key, SHA-256: RECOVER.md, and its blocks as a script
  [[ "$2" =~ ^[A-Za-z0-9._/-]+$ ]] || fail "manifest.json names an impossible page"
  aws s3 cp --only-show-errors --no-progress "s3://$1/$2" RECOVER.md || fail "$2 cannot be read"
  echo "$3  RECOVER.md" | sha256sum --check --quiet || fail "$2 is not the page that the manifest names"
  { cat "$KIT/s3.sh" && awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' RECOVER.md; } > road.sh
}
frozen() { # bucket, prefix: what lies in Glacier and is not back yet, with its state
  local name class back
  aws s3api list-objects-v2 --bucket "$1" --prefix "$2" --query "Contents[?StorageClass=='GLACIER' || StorageClass=='DEEP_ARCHIVE'].[Key,StorageClass]" \
    --output text > listed || fail "bucket $1 does not answer"
  while IFS=$'\t' read -r name class; do
    [[ "$name" =~ ^[A-Za-z0-9._/-]+$ && "$name" == "$2"* ]] || continue
    back=$(aws s3api head-object --bucket "$1" --key "$name" --query Restore --output text < /dev/null) || fail "$name cannot be looked at"
    case $back in *'ongoing-request="false"'*) ;; *ongoing-request*) printf '%s\tasked\t%s\n' "$name" "$class" ;; *) printf "%s\tfrozen\t%s\n" "$name" "$class" ;; esac
  done < listed
}
wait_for_glacier() { # bucket, prefix
  local name state
  frozen "$1" "$2" > cold
  [ -s cold ] || return 0
  echo "$(wc -l < cold) objects of $2 lie in Glacier: back in 3 to 5 hours, those of class DEEP_ARCHIVE ($(grep -c DEEP_ARCHIVE cold || true)) in 12"
  [ -z "$dry" ] || return 0
  [ -n "$thaw" ] || fail "--thaw asks for them, and waits; that costs a retrieval"
  while IFS=$'\t' read -r name state _; do
    [ "$state" = frozen ] || continue
    aws s3api restore-object --bucket "$1" --key "$name" --restore-request '{"Days":7,"GlacierJobParameters":{"Tier":"Standard"}}' < /dev/null ||
      fail "Glacier does not take the request for $name"
  done < cold
  while :; do
    frozen "$1" "$2" > cold
    [ -s cold ] || break
    echo "$(date -u '+%Y-%m-%d %H:%M UTC'): $(wc -l < cold) objects are still on their way"
    sleep "${THAW_POLL_SECONDS:-300}"
  done
  echo "all of it is back for 7 days"
}
sql() { psql --no-psqlrc --quiet --no-password --dbname="$TARGET" "$@"; }
database() {
  choose "$SETS_IN" "$chosen_set" database/daily/ database/weekly/ database/monthly/
  echo "set $FOUND (${PREFIX//database\//}), signed; as it was at $(sed -n -E 's/^  "snapshotAt": "([0-9TZ:.-]+)",$/\1/p' manifest.json)"
  names_of > names
  page_of "$SETS_IN" "$PREFIX$FOUND/RECOVER.md" "$(sed -n 's/  RECOVER[.]md$//p' names)"
  S3_BACKUP_BUCKET=$SETS_IN
  «keys.sh»
  checked_keys "$PREFIX$FOUND/keys.pgp" "$FOUND" keys.pgp
  wait_for_glacier "$SETS_IN" "$PREFIX$FOUND/"
  # What would stop it after hours of fetching stops it now.
  if ! grep -q . cold; then
    aws s3 cp --only-show-errors --no-progress "s3://$SETS_IN/$PREFIX$FOUND/inventory.json.zst.pgp" opened || fail "the inventory cannot be read"
    sed -n 's/  inventory[.]json[.]zst[.]pgp$/  opened/p' names | sha256sum --check --quiet || fail "the inventory is not the one that the manifest names"
    unsealed keys.pgp opened > /dev/null 2> gpg.txt || { cat gpg.txt >&2 && fail "no private key here opens set $FOUND: --key FILE"; }
  fi
  «target.sh»
  cat > occupied.sql << 'SQL'
«occupied.sql»
SQL
  occupied=$(sql --tuples-only --no-align --set=ON_ERROR_STOP=on --file=occupied.sql) || fail "the target is not reached"
  [ -z "$occupied" ] || fail "the target is not empty: take a new database, or a new project"
  if [ -n "$dry" ]; then
    echo "would restore $(wc -l < names) objects of set $FOUND into the target, which is empty"
    return
  fi
  # Its exit status 3: not everything is here, and it has said what is not.
  S3_BACKUP_BUCKET=$SETS_IN SET=$PREFIX$FOUND WORK=$work/database-$FOUND bash road.sh || status=$?
  [ "$status" = 0 ] || [ "$status" = 3 ] || exit "$status"
}
files() {
  choose "$FILES_IN" "$chosen_snapshot" snapshots/
  echo "files' snapshot $FOUND, signed"
  page=$(tr -d ' \n' < manifest.json | sed -n -E 's/.*"recover":\{"key":"([A-Za-z0-9._\/-]+)","bytes":[0-9]+,"sha256":"([0-9a-f]{64})".*/\1 \2/p')
  page_of "$FILES_IN" "${page% *}" "${page#* }"
  if [ -n "$dry" ]; then
    echo "would take out the files of snapshot $FOUND"
    return
  fi
  FILES=$work/files-$FOUND
  S3_STORAGE_BUCKET=$FILES_IN SNAPSHOT=$FOUND ONLY=$only WORK=$FILES bash road.sh
  [ -z "$to" ] || { mv "$FILES/plan.tsv" "$FILES/all.ndjson" "$to/" && for page in files odd; do [ ! -e "$FILES/$page" ] || mv "$FILES/$page" "$to/"; done; }
  [ -n "$to" ] || send
}
# shellcheck disable=SC2030,SC2031 # the project's credentials are for what is sent alone
send() (
  cd "$FILES"
  export AWS_ENDPOINT_URL=$TARGET_STORAGE_ENDPOINT AWS_DEFAULT_REGION=${TARGET_STORAGE_REGION:-us-east-1} AWS_REQUEST_CHECKSUM_CALCULATION=when_required
  export AWS_ACCESS_KEY_ID=$TARGET_STORAGE_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$TARGET_STORAGE_SECRET_ACCESS_KEY
  unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION
  tab=$'\t'
  # aws takes no bucket with a blank in its name.
  ! cut -f 5 plan.tsv | grep -Eqv '^[A-Za-z0-9._-]+$' || ! command -v curl > /dev/null || export S3_BY=curl
  «send-files.sh»
  «target.sh»
  sql --set=ON_ERROR_STOP=on << 'SQL'
«send-rows.sql»
SQL
  [ ! -s not-sent.txt ] || { echo "NOT EVERYTHING IS HERE: see $FILES/not-sent.txt" >&2 && exit 3; }
)
list() {
  local row id prefix state bucket
  : > rows
  for prefix in database/daily/ database/weekly/ database/monthly/; do ids_below "$SETS_IN" "$prefix" >> rows; done
  [ -z "$FILES_IN" ] || ids_below "$FILES_IN" snapshots/ >> rows
  LC_ALL=C sort -r rows > all
  while IFS=$'\t' read -r id prefix; do
    bucket=$SETS_IN
    [ "$prefix" != snapshots/ ] || bucket=$FILES_IN
    state=$(state_of "$bucket" "$prefix$id/" < /dev/null)
    [ "$state" != none ] || continue
    row="$state"
    [ "$state" = hidden ] || row=$( (take_manifest "$bucket" "$prefix" "$id") 2>&1 < /dev/null | tail -n 1) || true
    printf '%s  %-18s %s\n' "$id" "$prefix" "${row:-signed}"
  done < all
}
status=0
case $verb in
  list) list ;;
  database) database ;;
  files) files ;;
  all)
    database
    files
    ;;
esac
exit "$status"
