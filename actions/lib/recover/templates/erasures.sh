«# The newest SQL of the ledger counts. It obeys whoever has signed it, so it has to be a person's key; and it may not be older than
what this set knows of the ledger.»
listed=$(aws s3api list-object-versions --bucket "$S3_BACKUP_BUCKET" --prefix erasures/sql/ --query 'Versions[?IsLatest].[Key]' --output text) ||
  fail "who was erased since cannot be listed (s3:ListBucketVersions below erasures/)"
KNOWN=$(awk '/^  "erasures": / { found = 1 } found && /"count":/ { gsub(/[^0-9]/, ""); print; exit }' manifest.json)
erasures=$(tr '\t' '\n' <<< "$listed" | { grep -E '^erasures/sql/[0-9TZ]+-[0-9a-f]{8}[.]sql[.]zst[.]pgp$' || true; } | LC_ALL=C sort | tail -n 1)
if [ -n "$erasures" ]; then
  aws s3 cp --only-show-errors --no-progress "s3://$S3_BACKUP_BUCKET/$erasures" erasures.sql.zst.pgp
  aws s3 cp --only-show-errors --no-progress "s3://$S3_BACKUP_BUCKET/$erasures.sig" erasures.sql.zst.pgp.sig
  believed=
  for person in $PEOPLE; do
    if (SIGNER=$person; signed erasures.sql.zst.pgp.sig erasures.sql.zst.pgp) 2> /dev/null; then believed=yes; fi
  done
  [ -n "$believed" ] || fail "$erasures is signed by none of $PEOPLE: import their public keys, or set PEOPLE"
  unsealed erasures.sql.zst.pgp > /dev/null || fail "$erasures does not open whole"
  entries=$(unsealed erasures.sql.zst.pgp | sed -n '1s/.*entries 1 to \([0-9]*\) .*/\1/p')
  [ "${entries:-0}" -ge "${KNOWN:-0}" ] || fail "$erasures is older than this set: look for hidden versions below erasures/sql/"
  unsealed erasures.sql.zst.pgp | without_commands |
    sql --set=ON_ERROR_STOP=on --set=snapshot='«snapshotAt»' --file=- ||
    echo "people who were erased since: they are back, because their erasure could not be replayed" >> not-here.txt
  sql --set=ON_ERROR_STOP=on --file=fresh.sql
elif [ -n "$KNOWN" ]; then
  echo "people who were erased: the ledger below erasures/ is gone, and they are back" >> not-here.txt
fi
