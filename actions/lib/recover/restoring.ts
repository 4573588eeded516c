import { jobsTable, renderJobsScript } from "./proof.ts";
import { renderChooseScript, renderSettleScript, renderTablesScript } from "./sql.ts";

/** Functions that read rows out of a set, for the restore and for whoever has to load one table by hand. */
export function rowFunctions(archive: boolean): string {
  const oneTable = archive
    ? `
  open_artifact database.sql.zst.pgp < /dev/null | entries rows one.oid`
    : `
  while read -r artifact; do
    open_artifact "$artifact" < /dev/null | { pg_restore --list; cat > /dev/null; } |
      awk -v oid="$1" '$4 " " $5 == "TABLE DATA" && $3 == oid { print $1 }' > one.use
    [ ! -s one.use ] || open_artifact "$artifact" < /dev/null | { pg_restore --use-list=one.use --section=data --file=-; cat > /dev/null; }
  done < <(artifacts 'data/.*[.]dump[.]zst')`;
  return `
cat > entries.awk <<'AWK'
${entriesProgram.trim()}
AWK
entries() { LC_ALL=C awk -v mode="$1" -v tables="\${2:-loadable}" -f entries.awk; } # what of them, file of the tables' OIDs
# As SQL: all of them or none, into tables whose triggers and keys are silent. What is refused tells its SQLSTATE, never a row.
rows() {
  { echo 'SET session_replication_role = replica; SET statement_timeout = 0;'; cat; } | without_commands |
    sql --set=VERBOSITY=sqlstate --set=ON_ERROR_STOP=on --single-transaction --file=- > /dev/null 2>> errors.txt
}
rows_of() { # OID: one table's rows, as SQL
  local artifact
  printf '%s\\n' "$1" > one.oid${oneTable}
  for artifact in $(artifacts 'data/extensions[.]sql[.]zst'); do
    open_artifact "$artifact" < /dev/null | sed -n '/^-- TOC entry /,$p' | entries rows one.oid
  done
}`;
}

const writeScripts = (database: string): string => `cat > choose.sql <<'SQL'
${renderChooseScript()}
SQL
cat > tables.sql <<'SQL'
${renderTablesScript()}
SQL
cat > settle.sql <<'SQL'
${renderSettleScript()}
SQL
loadables() { # which tables' rows the target takes
  open_artifact inventory.json.zst.pgp < /dev/null | sql --file=tables.sql
  echo blobs >> loadable
}
sql_rows() { # an artifact of SQL, what of it sed prints: rows all at once or, where one is refused, table by table
  ! open_artifact "$1" < /dev/null | sed -n "$2" | entries rows | rows || return 0
  while read -r oid; do
    printf '%s\\n' "$oid" > one.oid
    open_artifact "$1" < /dev/null | sed -n "$2" | entries rows one.oid | rows || true
  done < loadable
}
extensions() { # rows that extensions keep: queues are made first, by the extension's own functions
  local artifact
  for artifact in $(artifacts 'data/extensions[.]sql[.]zst'); do
    open_artifact "$artifact" | sed '/^-- TOC entry /,$d' | without_commands | sql > /dev/null 2>> errors.txt
    loadables
    sql_rows "$artifact" '/^-- TOC entry /,$p'
  done
}
cron_jobs() { # made by pg_cron's own functions, and switched off
  [ -s jobs.oid ] || return 0
  {
    cat <<'SQL'
set client_min_messages = warning;
${jobsTable}
SQL
    rows_of "$(cat jobs.oid)" | sed -n '/^COPY cron[.]job /,/^\\\\[.]$/p' | sed '1s/cron[.]job/pg_temp.job/'
    cat <<'SQL'
${renderJobsScript(database)}
SQL
  } | without_commands | sql --set=ON_ERROR_STOP=on >> not-here.txt
}
: > errors.txt
: > not-here.txt
: > loadable
: > schema.use`;

const settling = `cron_jobs
open_artifact inventory.json.zst.pgp | sql --file=settle.sql
sql --command='set client_min_messages = error' --command='set statement_timeout = 0' --command='analyze'
echo "refused: $(grep -c 'ERROR:' errors.txt || true) statements (errors.txt)"`;

const leftOut = `What the target has already or can't have is left out; what it refused is in \`errors.txt\`, and the proof names
what of yours is missing. Cron jobs are made and stay switched off. Event triggers become live at the end: look at them first if anything calls out of the database.`;

/** Step of a set of pg_dump's archives: what stands before the script, the script, what stands behind it. */
export const restoringDumps = (database: string): [string, string, string] => [
  `Rows come before keys, triggers and policies, so nothing fires or checks while they load. Materialised views are computed last.
${leftOut}`,
  `
${writeScripts(database)}
schema() { # section: its entries that the target can have; a refused one does not end the script
  local outcome=0
  pg_restore --no-password --dbname="$TARGET" --use-list=schema.use --section="$1" 2>> errors.txt || outcome=$?
  cat > /dev/null
  [ "$outcome" -le 1 ]
}
data() { # artifact, list of what to take of it: its rows as SQL
  open_artifact "$1" < /dev/null | { pg_restore --use-list="$2" --section=data --file=-; cat > /dev/null; }
}
open_artifact schema.dump.zst.pgp | { pg_restore --list | tr -d '\\001\\002' > schema.list; cat > /dev/null; }
open_artifact inventory.json.zst.pgp | sql --file=choose.sql
open_artifact schema.dump.zst.pgp | schema pre-data
loadables
while read -r artifact; do
  open_artifact "$artifact" < /dev/null | { pg_restore --list > dump.list; cat > /dev/null; }
  awk 'NR == FNR { oid[$1]; next } $4 " " $5 == "TABLE DATA" && $3 in oid { print $1 }' loadable dump.list > dump.use
  # All at once or, where one is refused, table by table.
  if [ -s dump.use ] && ! data "$artifact" dump.use | rows; then
    while read -r id; do
      echo "$id" > one.use
      data "$artifact" one.use | rows || true
    done < dump.use
  fi
  awk '$4 ~ /^BLOB/ || $4 ~ /^(ACL|COMMENT)$/ && $6 == "LARGE" { print $1 }' dump.list > dump.use
  if [ -s dump.use ]; then open_artifact "$artifact" < /dev/null | restore --use-list=dump.use; fi
done < <(artifacts 'data/.*[.]dump[.]zst')
extensions
open_artifact schema.dump.zst.pgp | schema post-data
${settling}`,
  `Owner, comment and privileges of the database itself are left to you, as its name may be another: \`open_artifact schema.dump.zst.pgp |
pg_restore --create --file=- | grep -E '^(ALTER|COMMENT ON) DATABASE| ON DATABASE '\`.`,
];

/** The same of a set that is one plain SQL script. */
export const restoringSql = (database: string): [string, string, string] => [
  `One SQL script for psql, as text: it can be read and edited by anything, and each entry is headed by its name, kind, catalogue and OID.
It is taken apart here: a table that the target can't have must not have its rows read as statements. ${leftOut}`,
  `
${writeScripts(database)}
open_artifact database.sql.zst.pgp | entries list | tr -d '\\001\\002' > schema.list
open_artifact inventory.json.zst.pgp | sql --file=choose.sql
open_artifact database.sql.zst.pgp | entries before | without_commands | sql > /dev/null 2>> errors.txt
loadables
sql_rows database.sql.zst.pgp p
extensions
open_artifact database.sql.zst.pgp | entries after | without_commands | sql > /dev/null 2>> errors.txt
${settling}`,
  "Owner, comment and privileges of the database itself are left to you, as its name may be another.",
];

/**
 * An awk program that takes pg_dump's plain SQL apart into its entries, as psql alone cannot: which are wanted is known by
 * their numbers. A heading counts only outside of quotes, as the body of a function may hold the text of one.
 *
 * mode `list` prints a line per entry as `pg_restore --list` does; `before` and `after` print the wanted definitions that
 * stand before and behind the rows; `rows` the rows of loadable tables, and large objects where `blobs` is among them.
 */
export const entriesProgram = `
function follow(line,   c, before, end, at) { # quotes that stay open at the end of the line
  while (line != "") {
    if (q == "") {
      if (!match(line, /['"$]|--|\\/\\*/)) return
      c = substr(line, RSTART, RLENGTH); before = substr(line, 1, RSTART - 1); line = substr(line, RSTART + RLENGTH)
      if (c == "--") return
      if (c == "'") q = before ~ /(^|[^A-Za-z0-9_])[eE]$/ ? "e" : "'"
      else if (c != "$") q = c
      else if (match(line, /^([A-Za-z_][A-Za-z0-9_]*)?\\$/)) { q = "$" substr(line, 1, RLENGTH); line = substr(line, RLENGTH + 1) }
    } else if (q == "e") {
      if (!match(line, /[\\\\']/)) return
      if (substr(line, RSTART, 1) == "'") q = ""
      line = substr(line, RSTART + (q == "" ? 1 : 2))
    } else {
      end = q == "/*" ? "*/" : q
      at = index(line, end)
      if (!at) return
      line = substr(line, at + length(end)); q = ""
    }
  }
}
BEGIN {
  while ((getline line < "schema.use") > 0) use[line + 0]
  while ((getline line < tables) > 0) loadable[line]
  wanted = mode != "list"
}
copying { if (wanted) print; if ($0 == "\\\\.") copying = 0; next }
q == "" && /^-- TOC entry [0-9]+ \\(class [0-9]+ OID [0-9]+\\)$/ {
  id = $4; class = $6; oid = $8; sub(/\\)/, "", oid); unnamed = 1; next
}
q == "" && unnamed && /^-- .*; Type: [A-Z ]+; Schema: .*; Owner: / {
  unnamed = 0
  tag = $0; sub(/^-- (Data for |Statistics for )?Name: /, "", tag); sub(/; Type: [A-Z ]+; Schema: .*$/, "", tag)
  type = $0; sub(/^.*; Type: /, "", type)
  schema = type; sub(/^[A-Z ]+; Schema: /, "", schema); sub(/; Owner: .*$/, "", schema)
  owner = type; sub(/^.*; Owner: /, "", owner); sub(/; Tablespace: .*$/, "", owner)
  sub(/; Schema: .*$/, "", type)
  row = type == "TABLE DATA" || type == "SEQUENCE SET" || type ~ /^BLOB/
  if (row) seen = 1
  if (mode == "list") print id "; " class " " oid " " type " " schema " " tag " " owner
  else if (mode == "rows") wanted = type ~ /^BLOB/ && ("blobs" in loadable) || type == "TABLE DATA" && class == 0 && oid in loadable
  else wanted = !row && id in use && (mode == "after") == (seen + 0)
  next
}
q == "" && row && /^COPY .* FROM stdin;$/ { copying = 1; if (wanted) print; next }
row && type ~ /^BLOB/ && /^(BEGIN|COMMIT);$/ { next } # the reader has a transaction of its own
{ follow($0); if (wanted) print }
`;
