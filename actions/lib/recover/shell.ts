import { keysSignatureMetadata } from "../seal/keys/key-wrapping.ts";

/**
 * What both recovery pages share: shell functions that believe nothing in the bucket before it is checked. Somebody who can
 * write there, and holds no key, must not get a byte of theirs into a program that obeys it.
 */

/** Needs bash: an error within a pipe has to end the script. */
export const strictShell = `
[ -n "\${BASH_VERSION:-}" ] || { echo "run this in bash" >&2; exit 1; }
set -euo pipefail
umask 077
fail() { echo "STOPPED: $*" >&2; exit 1; }`;

/** \`signed\` believes one key alone, and only signatures over bytes: one over text fits more than one content. */
export const signatureFunctions = `
SIGNER=$(printf '%s' "$SIGNING_FINGERPRINT" | tr -d ' ' | tr abcdef ABCDEF)
[ "$SIGNING_FINGERPRINT" = unknown ] || printf '%s' "$SIGNER" | grep -Eqx '[0-9A-F]{40}' ||
  fail "SIGNING_FINGERPRINT is 40 hexadecimal digits, or the word unknown"
signed() { # signature, file
  [ "$SIGNING_FINGERPRINT" != unknown ] || return 0
  $GPG --status-fd 1 --verify "$1" "$2" > verdict 2> verdict.txt || { cat verdict.txt >&2; fail "$2 bears no good signature"; }
  grep -Eq "^\\[GNUPG:\\] VALIDSIG ($SIGNER .* 00 [0-9A-F]{40}|.* 00 $SIGNER)\\$" verdict || fail "$2 is signed by another key"
}`;

/**
 * A keys.pgp with anything but sealed session keys in it would be a message of its own, which gpg prints and calls good.
 *
 * @param bucket name of the shell's variable
 */
export const keysFunction = (bucket: string): string => `
checked_keys() { # key in the bucket, what it was signed for, file: session keys sealed to somebody, nothing else, and signed
  local packets
  aws s3 cp --only-show-errors --no-progress "s3://$${bucket}/$1" "$3"
  packets=$($GPG --batch --list-only --list-packets "$3" 2> /dev/null) || fail "$3 is damaged"
  packets=$(printf '%s\\n' "$packets" | grep -a '^:') || fail "$3 holds no sealed key"
  ! printf '%s\\n' "$packets" | grep -aqv '^:pubkey enc packet:' || fail "$3 holds more than sealed keys: somebody has exchanged it"
  [ "$SIGNING_FINGERPRINT" != unknown ] || return 0
  aws s3api head-object --bucket "$${bucket}" --key "$1" --query 'Metadata."${keysSignatureMetadata}"' --output text |
    base64 --decode > "$3.sig" || fail "$1 bears no signature"
  printf 'lifeboat-keys/1\\n%s\\n%s\\n' "$2" "$(sha256sum < "$3" | cut -d ' ' -f 1)" > "$3.statement"
  signed "$3.sig" "$3.statement"
}`;

/** gpg prints what was never sealed as well, and says so only in its status. */
export const openingFunction = `
unsealed() { # keys, stored files: what is in them; an error unless it is one sealed message that ended whole
  cat "$@" | $GPG --quiet --status-file opened.status --decrypt | zstd --decompress --quiet --stdout || return 1
  grep -q '^\\[GNUPG:\\] DECRYPTION_OKAY' opened.status && [ "$(grep -c '^\\[GNUPG:\\] PLAINTEXT ' opened.status)" = 1 ]
}`;
