# The list of processes is for all to read: the password goes another way.
TARGET="$TARGET_DATABASE_URL"
if [[ "$TARGET" =~ ^([a-z]+://[^:/@?]*):([^@/]*)(@.*)$ ]]; then
  TARGET="${BASH_REMATCH[1]}${BASH_REMATCH[3]}"
  password="${BASH_REMATCH[2]//\\/\\\\}"
  PGPASSWORD="$(printf '%b' "${password//%/\\x}")"
  export PGPASSWORD
fi
