#!/usr/bin/env bash
# Verifies an exported audit trail of Lifeboat with sha256sum, jq, gpg, git and what every Unix has: no network, no Lifeboat.
#
#   verify-audit.sh FOLDER [--keys FILE] [--reports FOLDER|REPOSITORY]... [--head COUNT:SHA256]...
#
# FOLDER holds `audit/` as it lies in the bucket. --keys: the armored public keys whose signatures count (default: FOLDER/keys.asc).
# --reports: the branch `reports`, as a folder or a git repository that has fetched it. --head: a head as a message told it. Each of
# these was told where nobody who writes the trail can change it: what an entry was then is what it has to be now. Nothing is repaired.
# Prints the first false or missing entry. Exit code 0: none; 1: there is one; 2: wrong use.
set -euo pipefail
export LC_ALL=C
say() { printf '%s\n' "$*"; }
wrong() { printf 'error: %s\n' "$*" >&2; exit 2; }

folder=${1:-}
[ -n "$folder" ] && [ -d "$folder" ] || wrong "give the folder of the exported trail"
shift
folder=$(cd "$folder" && pwd)
keys=$folder/keys.asc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/keyring" "$work/stored" "$work/signed" "$work/reports"
chmod 700 "$work/keyring"
: >"$work/anchors"

reports() {
  local ref
  [ -d "$1" ] || wrong "there is no $1"
  for ref in refs/remotes/origin/reports refs/heads/reports; do
    git -C "$1" rev-parse --quiet --verify "$ref" >/dev/null 2>&1 || continue
    git -C "$1" archive "$ref" | tar -x -C "$work/reports"
    files "$work/reports"
    return
  done
  files "$1"
}
# Heads that committed reports tell, those of folded months too.
files() {
  find "$1" -type f -name '*.ndjson' -exec cat {} + >"$work/lines"
  jq -Rr 'fromjson? | .. | objects | .audit? | objects
    | select((.count | type) == "number" and (.sha256 | type) == "string") | "\(.count) \(.sha256)"' "$work/lines" >>"$work/anchors"
  find "$1" -type f -path '*runs*' -name '*.json' -print0 | xargs -0 -r jq -r '.operations[]?.facts.audit? | objects
    | select((.count | type) == "number" and (.sha256 | type) == "string") | "\(.count) \(.sha256)"' >>"$work/anchors"
}

while [ $# -gt 0 ]; do
  [ $# -gt 1 ] || wrong "$1 needs a value"
  case $1 in
    --keys)
      [ -s "$2" ] || wrong "there are no keys in $2"
      keys=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
      ;;
    --reports) reports "$2" ;;
    --head) printf '%s\n' "${2/:/ }" >>"$work/anchors" ;;
    *) wrong "there is no option $1" ;;
  esac
  shift 2
done
grep -Eqv '^[1-9][0-9]* [0-9a-f]{64}$' "$work/anchors" && wrong "a head is a number and 64 hexadecimal digits"
sort -u -o "$work/anchors" "$work/anchors"

# What lies in a place of an entry, and what else there is.
mkdir -p "$folder/audit"
cd "$folder/audit"
find . -type f -regextype posix-extended -regex '\./[0-9]{6}/[0-9]{8}\.json' |
  awk -F / '{ n = substr($3, 1, 8); if (substr(n, 1, 6) == $2 && n + 0 > 0) print n + 0, $0 }' | sort -n >"$work/places"
others=$(($(find . ! -type d -print0 | tr -dc '\0' | wc -c) - $(wc -l <"$work/places")))

# Of each: its hash; its one text as jq writes it (names sorted, no spaces), of which the hash has to be the same; what it says.
cut -d ' ' -f 2 "$work/places" | tr '\n' '\0' >"$work/names"
xargs -0 -r sha256sum <"$work/names" | awk '{ print substr($2, 10, 8) + 0, $1 }' >"$work/hashes"
xargs -0 -r jq -RcS '[input_filename, (fromjson? // null)]' <"$work/names" |
  awk -v out="$work/stored/" '{
    n = substr($0, 12, 8) + 0
    # More than one line is no entry: what stands for it is one that is empty, whose hash such a file cannot have.
    if (seen[n]++) { print "" >(out n); close(out n); next }
    text = substr($0, 27); text = substr(text, 1, length(text) - 1)
    print text >(out n); close(out n)
    print n "\t" text
  }' >"$work/texts"
(cd "$work/stored" && find . -type f -print0 | xargs -0 -r sha256sum) | awk '{ print substr($2, 3) + 0, $1 }' >"$work/canonical"
jq -Rr '
  def hash: type == "string" and test("^[0-9a-f]{64}$");
  def plain($most): type == "string" and length <= $most and (test("[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]") | not);
  def name: plain(300);
  def orNull(good): . == null or good;
  def count: type == "number" and . >= 0 and . == floor and . <= 9007199254740991;
  def time: type == "string" and test("^(([0-9]{2}([2468][048]|[13579][26]|0[48])|([02468][048]|[13579][26])00)-02-29|[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    + "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])))T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$");
  def has($names): type == "object" and keys == ($names | sort);
  def things: has(["count", "sha256", "first"]) and (.count | count) and (.sha256 | hash) and (.first | type == "array" and length <= 50
    and all(.[]; has(["name", "sha256"]) and (.name | name) and (.sha256 | orNull(hash))));
  def who: if (.by? == "person") then has(["by", "user", "host", "run"]) and all(.[]; name)
    elif (.by? == "github") then has(["by", "actor", "workflow", "run", "attempt", "event", "job", "environment"])
      and (.attempt | count and . > 0) and (.environment | orNull(name)) and all(.actor, .workflow, .run, .event, .job; name)
    else false end;
  def common: ["format", "number", "previous", "at", "id", "operation", "who", "filed", "event"];
  def entry: type == "object" and .format == "lifeboat-audit/1" and (.number | count and . > 0) and (.previous | orNull(hash)) and (.at | time)
    and (.id | type == "string" and test("^[0-9a-f]{16}$")) and (.operation | type == "string" and test("^[a-z][a-z-]{0,39}$"))
    and (.who | type == "object" and who) and (.filed | orNull(has(["at", "by"]) and (.at | time) and (.by | name)))
    and if .event == "begin" then
      has(common + ["set", "target", "what", "rehearsal", "reason", "breakGlass", "withoutAudit"]) and all(.set, .target, .what; orNull(name))
      and all(.rehearsal, .breakGlass; type == "boolean") and all(.reason, .withoutAudit; orNull(plain(500)))
    elif .event == "end" then
      has(common + ["outcome", "code", "made", "opened", "removed"]) and (.outcome | IN("success", "skipped", "failure", "cancelled"))
      and (.code | orNull(type == "string" and test("^[a-z0-9-]{1,80}$"))) and all(.made, .opened, .removed; things)
    else false end;
  split("\t") as [$n] | (sub("^[^\t]*\t"; "") | fromjson) as $stored
  | ($stored | has(["entry", "signature"]) and (.entry | entry) and (.signature | orNull(type == "string" and length <= 16384))) as $good
  | if $good then [$n, "good", $stored.entry.number, ($stored.entry.previous // "none"), (if $stored.signature then "signed" else "unsigned" end),
      $stored.entry.event, $stored.entry.id, $stored.entry.operation] else [$n, "bad", 0, "none", "unsigned", "none", "none", "none"] end
  | join(" ")' "$work/texts" >"$work/facts"

# Each signature is over the one text of its entry, which stands between two names that no text in it can hold unescaped.
: >"$work/verdicts"
if [ -s "$keys" ]; then
  # Into a file and no keyring: that would ask for an agent, whose socket has no room below a long TMPDIR.
  gpg --homedir "$work/keyring" --batch --quiet --no-keyring --import-options import-export --import "$keys" >"$work/keys.gpg" 2>/dev/null ||
    wrong "no key can be read from $keys"
  awk -F '\t' -v out="$work/signed/" 'match($2, /,"signature":"/) {
    entry = substr($2, 10, RSTART - 10); signature = substr($2, RSTART + RLENGTH); sub(/"}$/, "", signature)
    gsub(/\\n/, "\n", signature); gsub(/\\r/, "\r", signature)
    printf "%s", entry >(out $1); close(out $1); printf "%s", signature >(out $1 ".asc"); close(out $1 ".asc"); print $1
  }' "$work/texts" >"$work/claimed"
  # It is the script of another bash.
  # shellcheck disable=SC2016
  check='cd "$0"; for n; do
    said=$(gpgv --keyring ../keys.gpg --status-fd 1 "$n.asc" "$n" 2>/dev/null) || :
    case $said in
      *VALIDSIG*) echo "$n signed" ;;
      *NO_PUBKEY*) echo "$n unsigned" ;;
      *) echo "$n signature" ;;
    esac
  done'
  xargs -r -P "$(nproc)" -n 40 bash -c "$check" "$work/signed" <"$work/claimed" >"$work/verdicts"
fi

# The walk: forward by the hash of the one before, backward from every head that was told.
awk -v keys="$(test -s "$keys" && echo 1 || echo 0)" -v others="$others" '
  function rank(fault) { return index("missing   malformed moved     false     unchained signature ", fault " ") }
  function found(n, fault, to) {
    if (n in first && rank(first[n]) <= rank(fault)) return
    first[n] = fault; upTo[n] = to
  }
  function judge(n) {
    if (form[n] != "good" || canonical[n] != hash[n]) return "malformed"
    if (number[n] != n) return "moved"
    if (n == 1 ? previous[n] != "none" : ((n - 1) in hash) && previous[n] != hash[n - 1]) return "unchained"
    if (claims[n] != "signed" || !keys) return "unsigned"
    return verdict[n]
  }
  FILENAME ~ /hashes$/ { hash[$1] = $2; next }
  FILENAME ~ /canonical$/ { canonical[$1] = $2; next }
  FILENAME ~ /facts$/ { form[$1] = $2; number[$1] = $3; previous[$1] = $4; claims[$1] = $5; event[$1] = $6; id[$1] = $7; verb[$1] = $8; next }
  FILENAME ~ /verdicts$/ { verdict[$1] = $2; next }
  FILENAME ~ /anchors$/ { told[$1] = told[$1] " " $2; anchors++; if ($1 + 0 > anchored) anchored = $1 + 0; next }
  FILENAME ~ /places$/ { all[++places] = $1 + 0; next }
  END {
    for (i = 1; i <= places; i++) word[all[i]] = judge(all[i])
    # Behind a gap and every head, and signed by nobody: a stranger has put it there.
    top = places
    while (keys && top > 0) {
      for (low = top; low > 1 && all[low - 1] == all[low] - 1; low--);
      ours = all[low] <= (anchored > 1 ? anchored : 1)
      for (i = low; i <= top; i++) if (word[all[i]] == "signed") ours = 1
      if (ours) break
      for (i = low; i <= top; i++) { strangers = strangers " " all[i]; delete hash[all[i]] }
      top = low - 1
    }
    # Every place that is taken or told of, in order.
    m = 0
    for (i = 1; i <= top; i++) wanted[all[i]] = 1
    for (n in told) wanted[n] = 1
    for (n in wanted) order[++m] = n + 0
    for (gap = int(m / 2); gap > 0; gap = int(gap / 2)) for (i = gap + 1; i <= m; i++) {
      one = order[i]
      for (j = i; j > gap && order[j - gap] > one; j -= gap) order[j] = order[j - gap]
      order[j] = one
    }
    for (i = m; i > 0; i--) {
      n = order[i]; hashes = told[n] (n in expected ? " " expected[n] : "")
      if (hashes == "") continue
      if (!(n in hash)) { found(n, "missing", n); continue }
      k = split(hashes, each, " "); good = 1
      for (j = 1; j <= k; j++) if (each[j] != hash[n]) good = 0
      if (!good) { found(n, "false", n); continue }
      proven[n] = 1
      if (form[n] == "good" && canonical[n] == hash[n] && number[n] == n && previous[n] != "none") expected[n - 1] = previous[n]
    }
    last = 0
    for (i = 1; i <= m; i++) {
      n = order[i]
      if (n > last + 1) found(last + 1, "missing", n - 1)
      if (!(n in hash)) found(n, "missing", n)
      last = n
    }
    for (i = 1; i <= top; i++) {
      n = all[i]
      if (word[n] == "unsigned") unsigned++
      else if (word[n] != "signed" && n in proven) strangers = strangers " " n
      else if (word[n] != "signed") found(n, word[n], n)
      if (event[n] == "end") ended[id[n]] = 1
    }
    for (to = 0; ((to + 1) in proven) && !((to + 1) in first); to++);
    bad = 0
    for (n in first) if (!bad || n + 0 < bad) bad = n + 0
    if (bad) printf "first %d %s\n", bad, first[bad]
    printf "entries %d, the last %d %s\n", top, (top ? all[top] : 0), (top ? hash[all[top]] : "none")
    printf "heads told elsewhere %d, the last of entry %d\n", anchors, anchored
    printf "proven to %d\n", to
    printf "unsigned %d\n", unsigned
    if (strangers != "") printf "put there by strangers%s\n", substr(strangers, 1, 400)
    if (others > 0) printf "other files %d\n", others
    for (i = 1; i <= top; i++) if (event[all[i]] == "begin" && !(id[all[i]] in ended) && shown++ < 20) printf "not ended %d %s\n", all[i], verb[all[i]]
    if (!keys) print "no key was given (--keys): no signature was looked at"
    if (!anchors) print "no head was told from elsewhere (--reports, --head): whoever has the bucket and the keys could have written all of it"
    print (bad ? "FALSE" : "whole")
    exit bad ? 1 : 0
  }' "$work/hashes" "$work/canonical" "$work/facts" "$work/verdicts" "$work/anchors" "$work/places"
