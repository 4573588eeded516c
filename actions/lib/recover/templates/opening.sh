«# gpg prints what was never sealed as well, and says so only in its status.»
unsealed() { # keys, stored files: what is in them; an error unless it is one sealed message that ended whole
  cat "$@" | $GPG --quiet --status-file opened.status --decrypt | zstd --decompress --quiet --stdout || return 1
  grep -q '^\[GNUPG:\] DECRYPTION_OKAY' opened.status && [ "$(grep -c '^\[GNUPG:\] PLAINTEXT ' opened.status)" = 1 ]
}
