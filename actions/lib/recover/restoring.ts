import { entriesProgram } from "./entries.ts";
import { renderChooseScript, renderSettleScript, renderTablesScript } from "./sql.ts";

const writeScripts = `cat > choose.sql <<'SQL'
${renderChooseScript()}
SQL
cat > tables.sql <<'SQL'
${renderTablesScript()}
SQL
cat > settle.sql <<'SQL'
${renderSettleScript()}
SQL
cat > entries.awk <<'AWK'
${entriesProgram.trim()}
AWK
entries() { LC_ALL=C awk -v mode="$1" -f entries.awk; }
rows() { # as SQL: into tables whose triggers and keys are silent
  { echo 'SET session_replication_role = replica; SET statement_timeout = 0;'; cat; } |
    without_commands | sql --set=ON_ERROR_STOP=on > /dev/null
}
: > errors.txt
: > loadable
: > schema.use`;

const settling = `open_artifact inventory.json.zst.pgp | sql --file=settle.sql
sql --command='set client_min_messages = error' --command='set statement_timeout = 0' --command='analyze'
echo "refused: $(grep -c 'ERROR:' errors.txt || true) statements (errors.txt)"`;

const leftOut = `What the target has already or can't have is left out, with its name; what it refused is in \`errors.txt\`, and the proof says
whether anything of yours is missing. Event triggers become live at the end: look at them first if anything calls out of the database.`;

/** Step of a set of pg_dump's archives: what stands before the script, the script, what stands behind it. */
export const restoringDumps: [string, string, string] = [
  `Rows come before keys, triggers and policies, so nothing fires or checks while they load. Materialised views are computed last.
${leftOut}`,
  `
${writeScripts}
schema() { # section: its entries that the target can have; a refused one does not end the script
  local outcome=0
  pg_restore --no-password --dbname="$TARGET" --use-list=schema.use --section="$1" 2>> errors.txt || outcome=$?
  cat > /dev/null
  [ "$outcome" -le 1 ]
}
open_artifact schema.dump.zst.pgp | { pg_restore --list | tr -d '\\001\\002' > schema.list; cat > /dev/null; }
open_artifact inventory.json.zst.pgp | sql --file=choose.sql
open_artifact schema.dump.zst.pgp | schema pre-data
open_artifact inventory.json.zst.pgp | sql --file=tables.sql
while read -r artifact; do
  open_artifact "$artifact" < /dev/null | { pg_restore --list > dump.list; cat > /dev/null; }
  awk 'NR == FNR { oid[$1]; next } $4 " " $5 == "TABLE DATA" && $3 in oid { print $1 }' loadable dump.list > dump.use
  if [ -s dump.use ]; then
    open_artifact "$artifact" < /dev/null | { pg_restore --use-list=dump.use --section=data --file=-; cat > /dev/null; } | rows
  fi
  awk '$4 ~ /^BLOB/ || $4 ~ /^(ACL|COMMENT)$/ && $6 == "LARGE" { print $1 }' dump.list > dump.use
  if [ -s dump.use ]; then open_artifact "$artifact" < /dev/null | restore --use-list=dump.use; fi
done < <(artifacts 'data/.*[.]dump[.]zst')
# Rows that extensions keep: queues are made first, by the extension's own functions.
for artifact in $(artifacts 'data/extensions[.]sql[.]zst'); do
  open_artifact "$artifact" | sed '/^-- TOC entry /,$d' | without_commands | sql > /dev/null 2>> errors.txt
  open_artifact inventory.json.zst.pgp | sql --file=tables.sql 2> /dev/null
  open_artifact "$artifact" | sed -n '/^-- TOC entry /,$p' | entries rows | rows
done
open_artifact schema.dump.zst.pgp | schema post-data
${settling}`,
  `Owner, comment and privileges of the database itself are left to you, as its name may be another: \`open_artifact schema.dump.zst.pgp |
pg_restore --create --file=- | grep -E '^(ALTER|COMMENT ON) DATABASE| ON DATABASE '\`.`,
];

/** The same of a set that is one plain SQL script. */
export const restoringSql: [string, string, string] = [
  `One SQL script for psql, as text: it can be read and edited by anything, and each entry is headed by its name, kind, catalogue and OID.
It is taken apart here: a table that the target can't have must not have its rows read as statements. ${leftOut}`,
  `
${writeScripts}
open_artifact database.sql.zst.pgp | entries list | tr -d '\\001\\002' > schema.list
open_artifact inventory.json.zst.pgp | sql --file=choose.sql
open_artifact database.sql.zst.pgp | entries before | without_commands | sql > /dev/null 2>> errors.txt
open_artifact inventory.json.zst.pgp | sql --file=tables.sql
open_artifact database.sql.zst.pgp | entries rows | rows
open_artifact database.sql.zst.pgp | entries after | without_commands | sql > /dev/null 2>> errors.txt
${settling}`,
  "Owner, comment and privileges of the database itself are left to you, as its name may be another.",
];
