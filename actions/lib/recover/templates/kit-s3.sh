«# What the pages and recover.sh ask of `aws`, where there is none: by curl (7.88 or newer), which signs requests itself. Only the
forms that they use. A key that is not made of the signs that Lifeboat's own have is nobody's, and is passed over in lists.»
if [ -z "${S3_BY:-}" ]; then
  if command -v aws > /dev/null; then S3_BY=aws; else S3_BY=curl; fi
fi
export S3_BY
percent() { # text, what a slash becomes: as S3 signs it
  local hex sign encoded=''
  for hex in $(printf '%s' "$1" | od -An -v -tx1); do
    case $hex in
      3[0-9] | 4[1-9a-f] | 5[0-9a] | 6[1-9a-f] | 7[0-9a] | 2d | 2e | 5f | 7e) printf -v sign '%b' "\\x$hex" ;;
      2f) sign=$2 ;;
      *) sign=%${hex^^} ;;
    esac
    encoded+=$sign
  done
  printf '%s' "$encoded"
}
s3_url() { # bucket, key
  local endpoint="${AWS_ENDPOINT_URL:-https://s3.${AWS_DEFAULT_REGION:-us-east-1}.amazonaws.com}"
  printf '%s/%s/%s' "${endpoint%/}" "$(percent "$1" %2F)" "$(percent "${2:-}" /)"
}
quoted() { # for a line of curl's configuration
  local text="${1//\\/\\\\}"
  printf '"%s"' "${text//\"/\\\"}"
}
s3_credentials() { # the list of processes is for all to read
  printf 'user = %s\n' "$(quoted "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY")"
  [ -z "${AWS_SESSION_TOKEN:-}" ] || printf 'header = %s\n' "$(quoted "x-amz-security-token: $AWS_SESSION_TOKEN")"
}
s3_curl() {
  : "${AWS_ACCESS_KEY_ID:?without the aws command credentials come from the environment}" "${AWS_SECRET_ACCESS_KEY:?}"
  curl --config <(s3_credentials) --aws-sigv4 "aws:amz:${AWS_DEFAULT_REGION:-us-east-1}:s3" --silent --show-error --fail \
    --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --globoff --path-as-is --connect-timeout 30 --retry 5 --retry-connrefused "$@"
}
s3_tags() { # tag …: the text of each from an answer of S3, a line a tag
  tr -d '\r\n' | sed 's/></>\n</g' | grep -E "^<($(printf '%s|' "$@")/x)>" | sed -E 's/^<[^>]*>([^<]*).*/\1/; s/%2[Ff]/\//g' || true
}
s3_pages() { # bucket, parameter=value …: every page of a list
  local bucket=$1 page next='' marker=''
  shift
  while :; do
    page=$(s3_curl "$(s3_url "$bucket")?$(printf '%s\n' "$@" encoding-type=url ${next:+"$next"} ${marker:+"$marker"} | LC_ALL=C sort | paste -s -d '&')") || return 1
    printf '%s\n' "$page"
    [ "$(s3_tags IsTruncated <<< "$page")" = true ] || return 0
    marker=''
    if [[ " $* " == *' versions= '* ]]; then
      # What the store has encoded already is not encoded again.
      next="key-marker=$(sed -n 's/.*<NextKeyMarker>\([^<]*\)<.*/\1/p' <<< "$page" | sed 's/\//%2F/g')"
      page=$(sed -n 's/.*<NextVersionIdMarker>\([^<]*\)<.*/\1/p' <<< "$page")
      [ -z "$page" ] || marker="version-id-marker=$(percent "$page" %2F)"
    else
      next="continuation-token=$(percent "$(s3_tags NextContinuationToken <<< "$page")" %2F)"
    fi
  done
}
s3_blocks() { # tag: each such element of an answer, on a line
  tr -d '\r\n' | sed "s/<$1>/\n<$1>/g; s/<\/$1>/<\/$1>\n/g" | grep "^<$1>" || true
}
s3_head() { # bucket, key, name: what an answer says there, or None
  local answer
  answer=$(s3_curl --head "$(s3_url "$1" "$2")") || return 1
  answer=$(tr -d '\r' <<< "$answer" | sed -n "s/^$3: *//Ip" | tail -n 1)
  printf '%s\n' "${answer:-None}"
}
s3_copy() {
  local word bucket key recursive='' ends=() names=() excluded=() headers=()
  while [ $# -gt 0 ]; do
    word=$1
    shift
    case $word in
      --recursive) recursive=1 ;;
      --include=*) names+=("${word#--include=}") ;;
      --exclude=*) excluded+=("${word#--exclude=}") ;;
      --exclude) excluded+=("$1") && shift ;;
      --content-type) headers+=(--header "content-type: $1") && shift ;;
      --cache-control) headers+=(--header "cache-control: $1") && shift ;;
      --*) ;;
      *) ends+=("$word") ;;
    esac
  done
  if [[ "${ends[1]}" == s3://* ]]; then
    word=${ends[1]#s3://}
    s3_curl "${headers[@]}" --upload-file "${ends[0]}" --output /dev/null "$(s3_url "${word%%/*}" "${word#*/}")"
    return
  fi
  word=${ends[0]#s3://} bucket=${word%%/*} key=${word#*/}
  if [ -z "$recursive" ]; then
    s3_curl --output "${ends[1]}" "$(s3_url "$bucket" "$key")"
    return
  fi
  if [ ${#names[@]} = 0 ]; then
    word=$(s3_pages "$bucket" list-type=2 "prefix=$(percent "$key" %2F)") || return 1
    mapfile -t names < <(s3_tags Key <<< "$word" | grep -Ex '[A-Za-z0-9._/-]+' | cut -c "$((${#key} + 1))-")
  fi
  for word in "${names[@]}"; do
    # shellcheck disable=SC2053 # a pattern, as aws takes it
    [ ${#excluded[@]} = 0 ] || [ "${excluded[0]}" = '*' ] || [[ "$word" != ${excluded[0]} ]] || continue
    [[ "/$word/" != */../* ]] || return 1
    mkdir -p "${ends[1]%/}/$(dirname "$word")"
    s3_curl --output "${ends[1]%/}/$word" "$(s3_url "$bucket" "$key$word")" || return 1
  done
}
s3_list() { # bucket, prefix, query: keys below it
  local pages
  case $3 in
    CommonPrefixes*) pages=$(s3_pages "$1" versions= delimiter=%2F "prefix=$(percent "$2" %2F)") && s3_blocks CommonPrefixes <<< "$pages" | s3_tags Prefix ;;
    Versions*)
      pages=$(s3_pages "$1" versions= "prefix=$(percent "$2" %2F)") || return 1
      s3_blocks Version <<< "$pages" | grep '<IsLatest>true<' | s3_tags Key || true # none is no failure
      ;;
    DeleteMarkers*) pages=$(s3_pages "$1" versions= "prefix=$(percent "$2" %2F)") && s3_blocks DeleteMarker <<< "$pages" | grep '<IsLatest>true<' | s3_tags Key ;;
    Contents*)
      pages=$(s3_pages "$1" list-type=2 "prefix=$(percent "$2" %2F)") || return 1
      s3_blocks Contents <<< "$pages" | grep -E '<StorageClass>(GLACIER|DEEP_ARCHIVE)<' | while read -r pages; do
        printf '%s\t%s\n' "$(s3_tags Key <<< "$pages")" "$(s3_tags StorageClass <<< "$pages")"
      done || true
      ;;
  esac
}
aws_by_curl() {
  local service=$1 verb=$2 bucket='' key='' prefix='' query='' request=''
  shift 2
  if [ "$service $verb" = 's3 cp' ]; then
    s3_copy "$@"
    return
  fi
  while [ $# -gt 1 ]; do
    case $1 in
      --bucket) bucket=$2 ;;
      --key) key=$2 ;;
      --prefix) prefix=$2 ;;
      --query) query=$2 ;;
      --restore-request) request=$2 ;;
    esac
    shift 2
  done
  case "$service $verb $query" in
    's3api head-object Restore') s3_head "$bucket" "$key" x-amz-restore ;;
    's3api head-object Metadata.'*) query=${query#*\"} && s3_head "$bucket" "$key" "x-amz-meta-${query%\"}" ;;
    's3api list-'*) s3_list "$bucket" "$prefix" "$query" ;;
    's3api restore-object '*)
      request="<RestoreRequest><Days>${request//[!0-9]/}</Days><GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters></RestoreRequest>"
      s3_curl --request POST --data "$request" --header 'content-type: application/xml' --output /dev/null "$(s3_url "$bucket" "$key")?restore="
      ;;
    *) echo "there is no aws command here, and curl does not do: $service $verb" >&2 && return 1 ;;
  esac
}
s3_do() { if [ "$S3_BY" = curl ]; then aws_by_curl "$@"; else command aws "$@"; fi; }
«# A file of keys that is gone from the bucket, or is not the one that was signed, is in the kit.»
keys_good() { # key, file: whether the bucket has it as it was signed
  local scope
  scope=$(cut -d / -f 3 <<< "${1/#snapshots/x/snapshots}")
  case $1 in */index.keys.pgp) scope+=' index' ;; */secrets.pgp) scope+=' secrets' ;; esac
  s3_do s3api head-object --bucket "$3" --key "$1" --query 'Metadata."«keysSignature»"' --output text 2> /dev/null |
    base64 --decode > kit.sig 2> /dev/null || return 1
  printf 'lifeboat-keys/1\n%s\n%s\n' "$scope" "$(sha256sum < "$2" | cut -d ' ' -f 1)" > kit.statement
  (signed kit.sig kit.statement) > /dev/null 2>&1
}
aws() {
  local word key='' bucket='' status=0
  for word in "$@"; do
    case $word in
      s3://*/keys.pgp | s3://*/secrets.pgp | s3://*/index.keys.pgp) word=${word#s3://} bucket=${word%%/*} key=${word#*/} ;;
    esac
  done
  if [ "$1 $2" = 's3 cp' ] && [ -n "$key" ] && [ -f "$KIT/keys/$key" ]; then
    s3_do "$@" 2> kit.refused || status=$?
    [ "$status" != 0 ] || ! keys_good "$key" "${!#}" "$bucket" || return 0
    echo "$key: gone from the bucket, or not as it was signed; the kit has it" >&2
    cp "$KIT/keys/$key" "${!#}"
    printf '%s\n' "$key" >> "$KIT_WORK/from-kit"
  elif [ "$1 $2 $5" = 's3api head-object --key' ] && grep -Fqx "$6" "$KIT_WORK/from-kit"; then
    cat "$KIT/keys/$6.sig"
  else
    s3_do "$@"
  fi
}
