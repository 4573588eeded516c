«# Each file over its row, and read back: what the project does not hold as it was is named.»
: > not-sent.txt
while IFS="$tab" read -r _ _ sha256 local bucket name type cache; do
  aws s3 cp --only-show-errors --no-progress --content-type "$type" --cache-control "$cache" "$local" "s3://$bucket/$name" < /dev/null &&
    aws s3 cp --only-show-errors --no-progress "s3://$bucket/$name" read-back < /dev/null &&
    echo "$sha256  read-back" | sha256sum --check --status || printf '%s/%s\n' "$bucket" "$name" >> not-sent.txt
done < plan.tsv
echo "sent: $(wc -l < plan.tsv) files, $(wc -l < not-sent.txt) of them not as they were (not-sent.txt)"
