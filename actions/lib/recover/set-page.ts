import { quoteIdentifier } from "../postgres/identifier.ts";
import { type Artifact, type Manifest, setPrefix } from "../vault/format/manifest.ts";
import { ending, renderForgetScript, renderProofScript } from "./proof.ts";
import { restoringDumps, restoringSql, rowFunctions } from "./restoring.ts";
import { secrets } from "./secrets.ts";
import { keysFunction, openingFunction, signatureFunctions, strictShell } from "./shell.ts";
import { renderBeforeScript, renderLoadScript, renderOccupiedScript } from "./sql.ts";

/** What the page has to know of its set: everything of the manifest that is known before the page is stored. */
export interface RecoverFacts
  extends Pick<Manifest, "tier" | "set" | "snapshotAt" | "source" | "software" | "sealing"> {
  readonly artifacts: readonly Artifact[];
}

/**
 * RECOVER.md: how to restore this very set with aws, gpg, zstd, sha256sum, psql and pg_restore alone. Its \`sh\` blocks, one
 * after the other, are a bash script. It tells no more of the data than the manifest does.
 */
export function renderRecoverPage(facts: RecoverFacts): string {
  const dumpMajor = facts.software.pgDump.match(/\d+/)?.[0] ?? String(facts.source.serverMajor);
  return [
    head(facts, dumpMajor),
    step("1. Say what goes where", settings(facts)),
    step("2. Check that it is the one that the backup made", checking(facts)),
    step("3. Fetch what it names, and check that it is whole", fetching),
    step("4. Open all of it once, to nothing", opening(facts)),
    step("5. Roles", roles(facts.source.database)),
    isArchive(facts)
      ? step("6. Everything else", restoringSql(facts.source.database))
      : step(
          "6. Tables and functions, then rows, then keys, policies and triggers",
          restoringDumps(facts.source.database),
        ),
    step("7. Prove it", proof()),
    ...(facts.sealing.secrets === undefined ? [] : [step("8. Vault's secrets", secrets(facts))]),
    step(`${facts.sealing.secrets === undefined ? 8 : 9}. What is not here`, ending),
    ...(facts.artifacts.some(({ kind }) => kind === "json") ? [oneTable()] : []),
    closing,
  ].join("\n\n");
}

/** The set holds plain SQL instead of pg_dump's archives. */
function isArchive({ artifacts }: RecoverFacts): boolean {
  return artifacts.some(({ kind }) => kind === "sql");
}

function step(title: string, [before, script, after = ""]: readonly [string, string, string?]): string {
  return `## ${title}\n\n${before}\n\n\`\`\`sh\n${script.trim()}\n\`\`\`${after === "" ? "" : `\n\n${after}`}`;
}

function head({ set, snapshotAt, source, sealing, software, artifacts }: RecoverFacts, dumpMajor: string): string {
  const project = source.projectRef === null ? "" : ` of Supabase project \`${source.projectRef}\``;
  const keys = sealing.recipients.map(({ role, fingerprint }) => `| ${role} | \`${fingerprint}\` |`);
  return `# Recovering backup set ${set}

The database \`${source.database}\`${project} as it was at ${snapshotAt} (PostgreSQL ${source.serverVersion}). Nothing but stock tools
is needed: \`aws\`, \`gpg\` (2.2 or newer), \`zstd\`, \`sha256sum\`, \`awk\`, and \`psql\` and \`pg_restore\` of PostgreSQL ${dumpMajor} or newer
(the dumps are pg_dump ${software.pgDump}'s). The blocks below, one after the other, are a bash script; they may as well be pasted one
by one.

You need one of the private keys that the set was sealed to (\`gpg --import\`), or one that \`keys.pgp\` was sealed to since:

| key | fingerprint |
| --- | --- |
${keys.join("\n")}

This page tells a shell what to do: take it from the rescue kit or from somebody you trust. Where it came out of the bucket, first
check \`manifest.json\` by its signature (\`gpg --verify manifest.json.sig manifest.json\`), then look in it for this page's SHA-256.
It stops at the first thing that is not right, and says what.

You also need the public half of the key that signs backups (\`gpg --import\`): it lies in the repository under \`.github/keys/\` and
in the rescue kit. Take its fingerprint from there or from somebody you trust, not from this bucket.

| artifact | holds | bytes stored | bytes opened |
| --- | --- | ---: | ---: |
${artifacts.map(artifactLine).join("\n")}`;
}

function artifactLine({ name, kind, segments, plainBytes }: Artifact): string {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  return `| \`${name}\` | ${kind} | ${bytes} | ${plainBytes} |`;
}

function settings({ tier, set }: RecoverFacts): [string, string] {
  return [
    `Credentials and region as the AWS command line reads them; \`AWS_ENDPOINT_URL\` for a store that is not AWS's own. The target is
an **empty** database, named by a connection string of a **superuser**, or a new Supabase project, of its role \`postgres\`; what it can't hold in
its password, \`%40\` for \`@\` and the like, is written as in any URL. The work folder has to take the stored bytes; nothing is
written there in the clear.`,
    `${strictShell}
: "\${S3_BACKUP_BUCKET:?the bucket that this set lies in}"
: "\${TARGET_DATABASE_URL:?connection string of the empty target database}"
: "\${SIGNING_FINGERPRINT:?fingerprint of the signing key; 'unknown' goes on without that check}"
SET="\${SET:-${setPrefix(tier, set).replace(/\/$/, "")}}"
GPG="\${GPG:-gpg}" # with its options, if it needs any
WORK="\${WORK:-recover-${set}}"
export AWS_DEFAULT_REGION="\${AWS_DEFAULT_REGION:-\${AWS_REGION:-us-east-1}}"
# The list of processes is for all to read: the password goes another way.
TARGET="$TARGET_DATABASE_URL"
if [[ "$TARGET" =~ ^([a-z]+://[^:/@?]*):([^@/]*)(@.*)$ ]]; then
  TARGET="\${BASH_REMATCH[1]}\${BASH_REMATCH[3]}"
  password="\${BASH_REMATCH[2]//\\\\/\\\\\\\\}"
  export PGPASSWORD="$(printf '%b' "\${password//%/\\\\x}")"
fi
mkdir -p "$WORK"
cd "$WORK"`,
  ];
}

function checking({ set, tier }: RecoverFacts): [string, string] {
  return [
    `The signature covers the manifest, and the manifest covers every object by its SHA-256. \`keys.pgp\` may be rewritten when keys
change, so it bears a signature of its own. With \`SIGNING_FINGERPRINT=unknown\` nothing of this is sure: whoever can write to the bucket
could have written all of it, and what it holds runs in your database with the rights that you give it.`,
    `
${signatureFunctions.trim()}
${keysFunction("S3_BACKUP_BUCKET").trim()}
fetch() { # key below the set's own: into a file of the same path
  mkdir -p "$(dirname "$1")"
  aws s3 cp --only-show-errors --no-progress --force-glacier-transfer "s3://$S3_BACKUP_BUCKET/$SET/$1" "$1"
}
fetch manifest.json
fetch manifest.json.sig
signed manifest.json.sig manifest.json
for line in '  "format": "lifeboat-set/1",' '  "set": "${set}",' '  "tier": "${tier}",'; do
  grep -Fqx "$line" manifest.json || fail "manifest.json is the one of another set"
done
checked_keys "$SET/keys.pgp" "${set}" keys.pgp`,
  ];
}

const fetching: [string, string] = [
  `What the manifest does not name is left where it is. Objects in Glacier have to be thawed first (\`aws s3api restore-object\`);
\`aws\` says so.`,
  `
awk -F'"' '$2 == "key" { key = $4 } $2 == "sha256" && key != "" { print $4 "  " key; key = "" }' manifest.json > SHA256SUMS
! grep -Eqv '^[0-9a-f]{64}  [A-Za-z0-9._/-]+$' SHA256SUMS && ! grep -Eq '  /|[.][.]' SHA256SUMS || fail "manifest.json names impossible objects"
while read -r _ key; do fetch "$key" < /dev/null; done < SHA256SUMS
sha256sum --check --quiet SHA256SUMS
echo "whole: $(wc -l < SHA256SUMS) objects"`,
];

const opening = (facts: RecoverFacts): [string, string] => [
  `Each artifact is an OpenPGP message whose beginning, the session key, is \`keys.pgp\`, the same for all of the set. A very large
artifact is several objects: \`.pgp\`, \`.pgp.002\`, and so on. Only the end of a message says whether all of it is true, so each is
opened to its end before anything of it is used. To look into one: \`open_artifact inventory.json.zst.pgp | less\`, or
\`open_artifact schema.dump.zst.pgp | pg_restore -l\` where there is one.`,
  `
${openingFunction.trim()}
open_artifact() { # name
  local parts
  mapfile -t parts < <(sed -nE 's/^[0-9a-f]{64}  //p' SHA256SUMS | grep -E "^\${1//./[.]}([.][0-9]+)?$")
  [ "\${#parts[@]}" -gt 0 ] || { echo "the manifest names no $1" >&2; return 1; }
  unsealed keys.pgp "\${parts[@]}"
}
artifacts() { # those whose name begins so
  sed -nE 's/^[0-9a-f]{64}  //p' SHA256SUMS | grep -E '[.]pgp$' | grep -E "^$1" || true
}
while read -r artifact; do
  open_artifact "$artifact" > /dev/null < /dev/null || fail "$artifact does not open whole"
done < <(artifacts '[^/]*$|^data/')
# Reads its input to the end, whatever pg_restore needs of it: a broken pipe would look like damage.
restore() {
  local outcome=0
  pg_restore --exit-on-error --no-password --dbname="$TARGET" "$@" || outcome=$?
  cat > /dev/null
  return "$outcome"
}
sql() { psql --no-psqlrc --quiet --no-password --dbname="$TARGET" "$@"; }
# psql obeys commands of its own in a script, a line that runs a program among them. Under \\restrict it obeys none.
without_commands() {
  printf '\\\\restrict %s\\n' "$(od -An -N 16 -tx1 /dev/urandom | tr -d ' \\n')"
  LC_ALL=C awk '
    token == "" && NR < 50 && /^\\\\restrict [A-Za-z0-9]+$/ { token = $2; next }
    token != "" && $0 == "\\\\unrestrict " token { next }
    { print }'
}
printf '\\\\restrict a\\n' | sql --set=ON_ERROR_STOP=on ||
  fail "the target is not reached, or psql is too old: 17.6, 16.10, 15.14 or newer of its major version is wanted"
[ "$(sql --tuples-only --no-align --command="select current_setting('server_version_num')::int / 10000")" -ge ${facts.source.serverMajor} ] ||
  fail "the target is older than the set: PostgreSQL ${facts.source.serverMajor} or newer is wanted"
FREE=$(sql --tuples-only --no-align --command="select rolsuper from pg_roles where rolname = current_user")
if [ "$FREE" != t ]; then
  sql --tuples-only --no-align --command="select nspname from pg_namespace where nspname in ('auth', 'storage')" | grep -q storage ||
    fail "the role is no superuser, and the target no Supabase project"
fi
cat > occupied.sql <<'SQL'
${renderOccupiedScript()}
SQL
[ -n "\${AGAIN:-}" ] || [ -z "$(sql --tuples-only --no-align --file=occupied.sql)" ] || fail "the target is not empty: take a new database, or a new project"
${rowFunctions(isArchive(facts)).trim()}`,
];

function roles(database: string): [string, string] {
  // Settings of roles and of the database name the source's; psql's own variable DBNAME is the target's.
  const named = quoteIdentifier(database)
    .replaceAll(/[.[\]{}()*+?^$|\\/]/g, "\\$&")
    .replaceAll("'", `'\\''`);
  return [
    `Without passwords: those who log in need new ones. Roles that are there already get the attributes that they had at the source. A
Supabase project refuses to change its own roles: what it refused is in \`roles.txt\`.`,
    `
STOP=on
[ "$FREE" = t ] || STOP=off
open_artifact roles.sql.zst.pgp |
  sed -E 's/^(ALTER DATABASE|ALTER ROLE .* IN DATABASE) ${named} SET /\\1 :"DBNAME" SET /' |
  without_commands | sql --set=ON_ERROR_STOP=$STOP > roles.txt 2>&1 || { cat roles.txt >&2; fail "the roles"; }
cat > before.sql <<'SQL'
${renderBeforeScript()}
SQL
[ "$FREE" = t ] || sql --set=ON_ERROR_STOP=on --file=before.sql`,
  ];
}

/** With psql alone, for what needs one table's rows and not the database. */
function oneTable(): string {
  return `## One table alone

The artifacts \`json/…\` are the tables' rows at the same snapshot, one JSON object a line, each value as the text that Postgres writes
for it, or null. To look: \`open_artifact json/public.exams.ndjson.zst.pgp | head\`. To load one into an **empty** table with the same
columns, with psql alone (\`lifeboat export load\` does the same and proves it):

\`\`\`bash
cat > load.sql <<'SQL'
${renderLoadScript()}
SQL
open_artifact json/public.exams.ndjson.zst.pgp | sql --set=table=public.exams --file=load.sql
\`\`\`

A name that has to be quoted in SQL is quoted here too: \`--set=table='"Odd Schema"."Table"'\`. Which artifact holds which table:
\`manifest.json\`, \`tables\`.`;
}

function proof(): [string, string] {
  return [
    `The inventory knows how many rows each table had, and the sum of their hashes. It names every object of the database too:
\`open_artifact inventory.json.zst.pgp\`. Rows are compared, and whether each object is there; definitions and rights are not: \`lifeboat
prove\` compares them. Tokens that people were mailed, and log-ins that were under way, are left out or emptied, whatever
the proof says: each would open an account here, or once more after an accident. What the role was granted for the restore is taken
back.`,
    `
cat > proof.sql <<'SQL'
${renderProofScript()}
SQL
cat > forget.sql <<'SQL'
${renderForgetScript()}
SQL
open_artifact inventory.json.zst.pgp | sql --file=proof.sql >> not-here.txt
open_artifact inventory.json.zst.pgp | sql --file=forget.sql
[ "$FREE" = t ] || sql --set=ON_ERROR_STOP=on --file=lent.sql`,
  ];
}

const closing = `## Of a Supabase project, by hand at last

- Cron jobs are switched off: \`select cron.alter_job(jobid, active := true) from cron.job\`, for those that you want to run.
- Edge functions, and what calls out of the database: look at triggers and webhooks first, they are live.
- JWT secret, edge functions, API settings, webhooks, passwords of your own roles; and the files of Storage, which are in no
  database dump. \`lifeboat restore\` tells all of this by name.
- Over the direct connection or the session pooler (port 5432), never the transaction pooler (6543).
`;
