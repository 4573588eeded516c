«# An awk program that takes a data file apart: of the blocks that the file `blocks` knows it prints those that are wanted, each
under the statement of the table that is to take them, and nothing else that the file may hold. A name may have line ends.

file: the artifact. Without oids the rows of all tables that the target takes, but for the first `from`; with oids (each
between blanks) the rows of these, and `into` names a table in their place.»
function one_line(s) { # as COPY writes a text
  gsub(/\\/, "&&", s); gsub(/\010/, "\\b", s); gsub(/\011/, "\\t", s); gsub(/\013/, "\\v", s); gsub(/\014/, "\\f", s); gsub(/\015/, "\\r", s)
  return s
}
function as_it_was(s,   out, c) {
  while (match(s, /\\./)) {
    c = substr(s, RSTART + 1, 1)
    out = out substr(s, 1, RSTART - 1) (c in sign ? sign[c] : c)
    s = substr(s, RSTART + 2)
  }
  return out s
}
BEGIN {
  sign["n"] = "\n"; sign["t"] = "\t"; sign["r"] = "\r"; sign["b"] = "\b"; sign["f"] = "\f"; sign["v"] = "\v"
  while ((getline line < "blocks") > 0) {
    split(line, part, "\t")
    if (part[1] != file) continue
    known = "COPY " part[3] part[4] " FROM stdin;"
    oid[known] = part[2]; own[known] = part[3]; list[known] = part[4]; taker[known] = part[5]
  }
}
copying { if (wanted) print; if ($0 == "\\.") copying = 0; next }
!begun { begun = $0 == ""; next } # the settings in front
held == "" && $0 == "" { next }
{
  held = (held == "" ? "" : held "\\n") one_line($0)
  if (!(held in oid)) next
  place = taker[held]
  if (oids == "") wanted = place != "" && ++count > from
  else { wanted = index(oids, " " oid[held] " "); if (into != "") place = into; else if (place == "") place = own[held] }
  if (wanted) print "COPY " as_it_was(place) as_it_was(list[held]) " FROM stdin;"
  copying = 1; held = ""
}
END { if (copying || held != "") { print file " is not as it was written" > "/dev/stderr"; exit 1 } }
