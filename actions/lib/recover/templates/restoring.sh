«# What sets of pg_dump's archives and of one SQL script need alike.»
cat > choose.sql <<'SQL'
«choose.sql»
SQL
cat > tables.sql <<'SQL'
«tables.sql»
SQL
cat > settle.sql <<'SQL'
«settle.sql»
SQL
loadables() { # which tables' rows the target takes
  open_artifact inventory.json.zst.pgp < /dev/null | sql --file=tables.sql
  echo blobs >> loadable
}
sql_rows() { # an artifact of SQL, what of it sed prints: rows all at once or, where one is refused, table by table
  ! open_artifact "$1" < /dev/null | sed -n "$2" | entries rows | rows || return 0
  while read -r oid; do
    printf '%s\n' "$oid" > one.oid
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
«jobs-table.sql»
SQL
    rows_of "$(cat jobs.oid)" | sed -n '/^COPY cron[.]job /,/^\\[.]$/p' | sed '1s/cron[.]job/pg_temp.job/'
    cat <<'SQL'
«jobs.sql»
SQL
  } | without_commands | sql --set=ON_ERROR_STOP=on >> not-here.txt
}
: > errors.txt
: > not-here.txt
: > loadable
: > schema.use
