«# A keys.pgp with anything but sealed session keys in it would be a message of its own, which gpg prints and calls good.»
checked_keys() { # key in the bucket, what it was signed for, file: session keys sealed to somebody, nothing else, and signed
  local packets
  aws s3 cp --only-show-errors --no-progress "s3://$«bucket»/$1" "$3"
  packets=$($GPG --batch --list-only --list-packets "$3" 2> /dev/null) || fail "$3 is damaged"
  packets=$(printf '%s\n' "$packets" | grep -a '^:') || fail "$3 holds no sealed key"
  ! printf '%s\n' "$packets" | grep -aqv '^:pubkey enc packet:' || fail "$3 holds more than sealed keys: somebody has exchanged it"
  [ "$SIGNING_FINGERPRINT" != unknown ] || return 0
  aws s3api head-object --bucket "$«bucket»" --key "$1" --query 'Metadata."«keysSignature»"' --output text |
    base64 --decode > "$3.sig" || fail "$1 bears no signature"
  printf 'lifeboat-keys/1\n%s\n%s\n' "$2" "$(sha256sum < "$3" | cut -d ' ' -f 1)" > "$3.statement"
  signed "$3.sig" "$3.statement"
}
