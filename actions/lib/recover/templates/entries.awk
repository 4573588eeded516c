«# An awk program that takes pg_dump's plain SQL apart into its entries, as psql alone cannot: which are wanted is known by
their numbers. A heading counts only outside of quotes, as the body of a function may hold the text of one.

mode `list` prints a line per entry as `pg_restore --list` does; `before` and `after` print the wanted definitions that
stand before and behind the rows; `rows` the rows of loadable tables, and large objects where `blobs` is among them.»
function follow(line,   c, before, end, at) { # quotes that stay open at the end of the line
  while (line != "") {
    if (q == "") {
      if (!match(line, /['"$]|--|\/\*/)) return
      c = substr(line, RSTART, RLENGTH); before = substr(line, 1, RSTART - 1); line = substr(line, RSTART + RLENGTH)
      if (c == "--") return
      if (c == "'") q = before ~ /(^|[^A-Za-z0-9_])[eE]$/ ? "e" : "'"
      else if (c != "$") q = c
      else if (match(line, /^([A-Za-z_][A-Za-z0-9_]*)?\$/)) { q = "$" substr(line, 1, RLENGTH); line = substr(line, RLENGTH + 1) }
    } else if (q == "e") {
      if (!match(line, /[\\']/)) return
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
copying { if (wanted) print; if ($0 == "\\.") copying = 0; next }
q == "" && /^-- TOC entry [0-9]+ \(class [0-9]+ OID [0-9]+\)$/ {
  id = $4; class = $6; oid = $8; sub(/\)/, "", oid); unnamed = 1; next
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
