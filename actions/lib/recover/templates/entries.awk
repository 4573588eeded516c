«# An awk program that takes SQL of pg_restore apart into its entries, as psql alone cannot: which are wanted is known by their
numbers. A heading counts only outside of quotes, as the body of a function may hold the text of one.

mode `list` prints a line per entry as `pg_restore --list` does; `use` prints the wanted ones.»
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
  wanted = mode == "use"
}
q == "" && /^-- TOC entry [0-9]+ \(class [0-9]+ OID [0-9]+\)$/ {
  id = $4; class = $6; oid = $8; sub(/\)/, "", oid); unnamed = 1; next
}
q == "" && unnamed && /^-- .*; Type: [A-Z ]+; Schema: .*; Owner: / {
  unnamed = 0
  tag = $0; sub(/^-- Name: /, "", tag); sub(/; Type: [A-Z ]+; Schema: .*$/, "", tag)
  type = $0; sub(/^.*; Type: /, "", type)
  schema = type; sub(/^[A-Z ]+; Schema: /, "", schema); sub(/; Owner: .*$/, "", schema)
  owner = type; sub(/^.*; Owner: /, "", owner); sub(/; Tablespace: .*$/, "", owner)
  sub(/; Schema: .*$/, "", type)
  if (mode == "list") print id "; " class " " oid " " type " " schema " " tag " " owner
  else wanted = id in use
  next
}
q == "" && /^SET default_/ { if (mode == "use") print; next } # for the entry that comes next, and those after it
{ follow($0); if (wanted) print }
