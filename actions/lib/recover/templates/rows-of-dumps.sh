  while read -r artifact; do
    open_artifact "$artifact" < /dev/null | { pg_restore --list; cat > /dev/null; } |
      awk -v oid="$1" '$4 " " $5 == "TABLE DATA" && $3 == oid { print $1 }' > one.use
    [ ! -s one.use ] || open_artifact "$artifact" < /dev/null | { pg_restore --use-list=one.use --section=data --file=-; cat > /dev/null; }
  done < <(artifacts 'data/.*[.]dump[.]zst')
