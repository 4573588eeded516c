  while read -r artifact; do
    open_artifact "$artifact" < /dev/null | { pg_restore --list; cat > /dev/null; } |
      awk 'NR == FNR { oid[$1]; next } $4 " " $5 == "TABLE DATA" && $3 in oid { print $1 }' one.oid - > one.use
    [ ! -s one.use ] || open_artifact "$artifact" < /dev/null | { pg_restore --use-list=one.use --section=data --file=-; cat > /dev/null; }
  done < <(artifacts 'data/.*[.]dump[.]zst')
