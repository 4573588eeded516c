import { keysFunction, openingFunction, signatureFunctions, strictShell } from "./shell.ts";

/**
 * RECOVER.md of the files: how the files of any snapshot come back with aws, gpg, zstd, tar, awk and a shell loop alone. The
 * text is the same for every snapshot, and each holds it. Its `sh` blocks, one after the other, are
 * a bash script.
 */
export function renderRecoverFilesPage(): string {
  return `# Recovering the files of a snapshot

A snapshot is the state of all files of a Supabase project's Storage at one time. Nothing but stock tools is needed to have
them back: \`aws\`, \`gpg\` (2.2 or newer), \`zstd\`, \`tar\`, \`awk\`, \`sed\`, \`sha256sum\` and \`bash\`. The blocks below, one after the other,
are a bash script; they may as well be pasted one by one.

You need one of the private keys that snapshots are sealed to (\`gpg --import\`; \`manifest.json\` names their fingerprints under
\`recipients\`), and the public half of the key that signs backups: it lies in the repository under \`.github/keys/\` and in the
rescue kit. Take its fingerprint from there or from somebody you trust, not from this bucket.

What lies where: \`packs/<run>/\` many small files together, each pack an ordinary tar whose entries are numbers; \`files/<run>/\` one
large file each; \`snapshots/<run>/\` lists that say which file is which entry of which object. Every run writes only what is new,
so a snapshot is made of the lists of several runs: a base, and what changed since.

${block(
  "1. Say what is wanted",
  `Credentials and region as the AWS command line reads them; \`AWS_ENDPOINT_URL\` for a store that is not AWS's own. \`SNAPSHOT\` is the id of
a snapshot, or empty for the newest. \`ONLY\` narrows what is taken out: an extended regular expression over \`bucket/path\`. The
work folder gets the stored bytes of what is wanted, and the files in the clear: lay it on an encrypted disk.`,
  `${strictShell}
: "\${S3_STORAGE_BUCKET:?the bucket that this page lies in}"
: "\${SIGNING_FINGERPRINT:?fingerprint of the signing key; 'unknown' goes on without that check}"
ONLY="\${ONLY:-}"
GPG="\${GPG:-gpg}" # with its options, if it needs any
WORK="\${WORK:-recover-files}"
export AWS_DEFAULT_REGION="\${AWS_DEFAULT_REGION:-\${AWS_REGION:-us-east-1}}"
mkdir -p "$WORK"
cd "$WORK"
fetch() { # key: into a file of the same path, once
  [ -e "$1" ] && return
  mkdir -p "$(dirname "$1")"
  aws s3 cp --only-show-errors --no-progress "s3://$S3_STORAGE_BUCKET/$1" "$1.partial"
  mv "$1.partial" "$1"
}
fetch_run() { # run: all of its lists and keys in one go
  [ -e "snapshots/$1/.whole" ] && return
  aws s3 cp --recursive --only-show-errors --no-progress --exclude 'journal/*' \\
    "s3://$S3_STORAGE_BUCKET/snapshots/$1/" "snapshots/$1/"
  touch "snapshots/$1/.whole"
}
if [ -z "\${SNAPSHOT:-}" ]; then
  SNAPSHOT=$(aws s3 ls --recursive "s3://$S3_STORAGE_BUCKET/snapshots/" |
    sed -n 's|.*snapshots/\\([^/]*\\)/manifest\\.json$|\\1|p' | sort | tail -n 1)
fi
echo "snapshot $SNAPSHOT"`,
)}

${block(
  "2. Check that it is the one that the sync made",
  `The signature covers the manifest; the manifest covers the layers, the layers cover every list and every object by SHA-256. Keys may be
rewritten when people change, so each file of keys bears a signature of its own.`,
  `
fetch_run "$SNAPSHOT"
${signatureFunctions.trim()}
${keysFunction("S3_STORAGE_BUCKET").trim()}
manifest="snapshots/$SNAPSHOT/manifest.json"
signed "$manifest.sig" "$manifest"
for line in ' "format": "lifeboat-files/1",' " \\"set\\": \\"$SNAPSHOT\\","; do
  grep -Fqx "$line" "$manifest" || fail "manifest.json is the one of another snapshot"
done
tr -d ' \\n' < "$manifest" > flat
checked() { # key, SHA-256: fetched, or the end
  fetch "$1"
  echo "$2  $1" | sha256sum --check --quiet
}`,
)}

${block(
  "3. Which layers there are, the oldest first",
  `A layer may name others that lie below it.`,
  `
layers_in() { # of flat JSON, under a name: run and SHA-256
  grep -o "\\"$1\\":\\[[^]]*\\]" | grep -o '"run":"[^"]*","bytes":[0-9]*,"sha256":"[^"]*"' |
    sed 's/"run":"\\([^"]*\\)","bytes":[0-9]*,"sha256":"\\([^"]*\\)"/\\1 \\2/' || true
}
: > layers
add_layer() { # run, SHA-256: after those below it
  grep -q "^$1$" layers && return
  fetch_run "$1"
  checked "snapshots/$1/layer.json" "$2"
  tr -d ' \\n' < "snapshots/$1/layer.json" > "snapshots/$1/flat"
  while read -r run sha256; do add_layer "$run" "$sha256"; done < <(layers_in earlier < "snapshots/$1/flat")
  echo "$1" >> layers
}
while read -r run sha256; do add_layer "$run" "$sha256"; done < <(layers_in layers < flat)
echo "$(wc -l < layers) layers"`,
)}

${block(
  "4. Read the lists",
  `Each list is an OpenPGP message whose beginning is the run's \`index.keys.pgp\`. One line a file; a line of a later layer stands for an
earlier one of the same file. In \`all.ndjson\` every file has its line then, with all that its row said: type, owner, times, user
metadata.`,
  `
${openingFunction.trim()}
: > lines
: > objects
while read -r layer; do
  flat="snapshots/$layer/flat"
  checked_keys "snapshots/$layer/index.keys.pgp" "$layer index" index.keys < /dev/null
  # A base holds all files: what came before is forgotten.
  if grep -q '"kind":"base"' "$flat"; then : > lines; fi
  while read -r key sha256; do
    checked "$key" "$sha256"
    unsealed index.keys "$key" < /dev/null > list || fail "$key does not open whole"
    cat list >> lines
  done < <(grep -o '{"key":"[^"]*","entries":[0-9]*,"bytes":[0-9]*,"sha256":"[^"]*"' "$flat" |
    sed 's/.*"key":"\\([^"]*\\)".*"sha256":"\\([^"]*\\)"/\\1 \\2/')
  { grep -o '"key":"[^"]*","bytes":[0-9]*,"sha256":"[^"]*","parts"' "$flat" || true; } |
    sed 's/"key":"\\([^"]*\\)".*"sha256":"\\([^"]*\\)".*/\\1 \\2/' >> objects
done < layers
awk '
  match($0, /^\\{"bucket":"([^"\\\\]|\\\\.)*","name":"([^"\\\\]|\\\\.)*"/) { path = substr($0, 1, RLENGTH); line[path] = $0 }
  END { for (path in line) if (line[path] !~ /"state":"gone"/) print line[path] }
' lines | LC_ALL=C sort > all.ndjson
rm lines list
echo "$(wc -l < all.ndjson) files are listed"`,
)}

${block(
  "5. Choose, and say where each file goes",
  `A path that a file system could not hold, or that climbs, goes to \`odd/\` under a number; \`plan.tsv\` says which file is where:
vault object, entry, SHA-256, local path, bucket, path, type, cache control.`,
  `
tab=$(printf '\\t')
grep -v '"object":null' all.ndjson | awk -v only="$ONLY" '
  function after(name,   at) { # the text of a name of the line itself, not of its user metadata
    if (!match(own, "\\"" name "\\":\\"[^\\"]*\\"")) return ""
    at = RSTART + length(name) + 4
    return substr(own, at, RSTART + RLENGTH - 1 - at)
  }
  {
    own = $0
    sub(/,"userMetadata":.*/, "", own)
    bucket = after("bucket"); name = after("name"); path = bucket "/" name
    if (only != "" && path !~ only) next
    local = "files/" path
    if (("/" path "/") ~ /\\/\\.?\\.?\\// || path ~ /[\\\\]/ || path ~ /[^\\/]{256}/ || seen[tolower(local)]++) local = "odd/" NR
    type = after("mimetype"); cache = after("cacheControl")
    entry = after("entry")
    print after("object") "\\t" (entry == "" ? "-" : entry) "\\t" after("sha256") "\\t" local "\\t" bucket "\\t" name "\\t" \\
      (type == "" ? "application/octet-stream" : type) "\\t" (cache == "" ? "no-cache" : cache)
  }
' | LC_ALL=C sort -t "$tab" -k 1,2 > plan.tsv
echo "$(wc -l < plan.tsv) files are wanted, in $(cut -f 1 plan.tsv | uniq | wc -l) objects"`,
)}

${block(
  "6. Take them out",
  `One object after the other: fetched, compared with its SHA-256, opened, unpacked, and each file compared with its own.`,
  `
take() { # object, entry, SHA-256, local path
  mkdir -p "$(dirname "$4")"
  if [ "$2" = - ]; then cp "open/file" "$4"; else cp "open/$2" "$4"; fi
  printf '%s  %s\\n' "$3" "$4" >> SHA256SUMS
}
: > SHA256SUMS
cut -f 1 plan.tsv | uniq > wanted
while read -r object; do
  grep -F "$object" objects | LC_ALL=C sort -u > segments
  parts=()
  while read -r key sha256; do
    checked "$key" "$sha256" < /dev/null
    parts+=("$key")
  done < segments
  run=$(echo "$object" | cut -d / -f 2)
  checked_keys "snapshots/$run/keys.pgp" "$run" keys < /dev/null
  rm -rf open
  mkdir open
  unsealed keys "\${parts[@]}" < /dev/null > open/file || fail "$object does not open whole"
  rm -f "\${parts[@]}"
  case "$object" in packs/*) tar -x -C open -f open/file && rm open/file ;; esac
  while IFS="$tab" read -r _ entry sha256 local _; do take "$object" "$entry" "$sha256" "$local"; done \\
    < <(awk -F "$tab" -v object="$object" '$1 == object' plan.tsv)
done < wanted
rm -rf open
sha256sum --check --quiet SHA256SUMS
echo "whole: $(wc -l < SHA256SUMS) files"`,
)}

## 7. Into a project

The files are in \`files/\` now. To put them into a Supabase project, restore the database first: its rows say who owns what. Then send
each file over its row, with the S3 access keys of that project (dashboard, Storage, S3). Buckets that the database did not bring
are made in the dashboard; lift their limits meanwhile. The \`aws\` command takes no bucket whose name has a blank or a sign beside
\`.\`, \`-\` and \`_\`: the files of such a bucket go through the dashboard, or into one of another name.

\`\`\`bash
export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_DEFAULT_REGION=… # the project's
export AWS_ENDPOINT_URL=https://<ref>.storage.supabase.co/storage/v1/s3
export AWS_REQUEST_CHECKSUM_CALCULATION=when_required
while IFS="$tab" read -r _ _ _ local bucket name type cache; do
  aws s3 cp --only-show-errors --no-progress --content-type "$type" --cache-control "$cache" "$local" "s3://$bucket/$name" < /dev/null
done < plan.tsv
\`\`\`

What S3 does not carry is set with psql, as \`postgres\`, from the lists: owner, times and user metadata of every file.

\`\`\`bash
psql "$TARGET_DATABASE_URL" --set=ON_ERROR_STOP=on <<'SQL'
create temporary table list (line text);
\\copy list from program 'sed "s/\\\\\\\\/\\\\\\\\\\\\\\\\/g" all.ndjson'
set session_replication_role = replica;
update storage.objects o
   set owner_id = w.line->>'ownerId', created_at = (w.line->>'createdAt')::timestamptz,
       updated_at = (w.line->>'updatedAt')::timestamptz, user_metadata = nullif(w.line->'userMetadata', 'null')
  from (select line::jsonb as line from list) w
 where o.bucket_id = w.line->>'bucket' and o.name = w.line->>'name' and w.line ? 'createdAt';
SQL
\`\`\`

Where there is Lifeboat, \`lifeboat restore-files\` does all of this and reads every file back; where there is Python, \`json.loads\` of
each line of \`all.ndjson\` gives the list.
`;
}

function block(title: string, before: string, script: string): string {
  return `## ${title}\n\n${before}\n\n\`\`\`sh\n${script.trim()}\n\`\`\``;
}
