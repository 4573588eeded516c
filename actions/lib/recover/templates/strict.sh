«# Needs bash: an error within a pipe has to end the script.»
[ -n "${BASH_VERSION:-}" ] || { echo "run this in bash" >&2; exit 1; }
set -euo pipefail
umask 077
fail() { echo "STOPPED: $*" >&2; exit 1; }
