«# This, keys.sh and opening.sh believe nothing in the bucket before it is checked. Somebody who can write there, and holds no
key, must not get a byte of theirs into a program that obeys it. `signed` believes the given keys alone (several, with commas, after
one was replaced), and only signatures over bytes: one over text fits more than one content.»
SIGNER=$(printf '%s' "$SIGNING_FINGERPRINT" | tr -d ' ' | tr abcdef, 'ABCDEF|')
[ "$SIGNING_FINGERPRINT" = unknown ] || printf '%s' "$SIGNER" | grep -Eqx '[0-9A-F]{40}([|][0-9A-F]{40})*' ||
  fail "SIGNING_FINGERPRINT is 40 hexadecimal digits, or the word unknown"
signed() { # signature, file
  [ "$SIGNING_FINGERPRINT" != unknown ] || return 0
  $GPG --status-fd 1 --verify "$1" "$2" > verdict 2> verdict.txt || { cat verdict.txt >&2; fail "$2 bears no good signature"; }
  grep -Eq "^\[GNUPG:\] VALIDSIG (($SIGNER) .* 00 [0-9A-F]{40}|.* 00 ($SIGNER))\$" verdict || fail "$2 is signed by another key"
}
