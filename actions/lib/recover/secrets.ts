import { createsOfExtensionSql, hasVaultSql, loadSecrets, makeSecrets } from "../postgres/inventory/vault-secrets.ts";
import { secretsScope } from "../seal/keys/key-wrapping.ts";
import type { Manifest } from "../vault/format/manifest.ts";

/**
 * The step of RECOVER.md that makes Vault's secrets anew: what it says, its script, and what it says after that. COPY's rows are in
 * no server's log, whatever it writes down; the transaction makes all of them or none.
 */
export function secrets({ set, sealing }: Pick<Manifest, "set" | "sealing">): [string, string, string] {
  const keys = sealing.secrets?.recipients.map(({ role, fingerprint }) => `${role} (\`${fingerprint}\`)`).join(" and ");
  return [
    `Supabase's Vault seals its secrets with a key that no other project has, so the set holds their values, under a session key of
their own: \`secrets.pgp\`. Only ${keys} open it, not the prover. \`open_secrets\` prints them, a JSON document a line.`,
    `
checked_keys "$SET/secrets.pgp" "${secretsScope(set)}" secrets.pgp
open_secrets() {
  local parts
  mapfile -t parts < <(sed -nE 's/^[0-9a-f]{64}  //p' SHA256SUMS | grep '^secrets/')
  unsealed secrets.pgp "\${parts[@]}"
}
cat > has-vault.sql <<'SQL'
select ${hasVaultSql} and (${createsOfExtensionSql} or not rolsuper) from pg_roles where rolname = current_user;
SQL
if ! open_secrets > /dev/null 2> secrets.txt; then
  echo "Vault's secrets: no private key of this machine opens them, or they are damaged (secrets.txt)" >> not-here.txt
elif [ "$(sql --tuples-only --no-align --file=has-vault.sql)" != t ]; then
  echo "Vault's secrets: the target has no Vault; open_secrets prints them" >> not-here.txt
else
  { cat <<'SQL'; open_secrets; cat <<'END'; } | without_commands | sql --set=ON_ERROR_STOP=on > /dev/null
begin;
${loadSecrets.table};
${loadSecrets.copy};
SQL
\\.
${makeSecrets};
commit;
END
  made=$(open_secrets | grep -c '"secret":"' || true) all=$(open_secrets | grep -c . || true)
  echo "Vault's secrets are made: $made of $all"
  [ "$made" = "$all" ] || echo "Vault's secrets: $((all - made)) whose value the backup could not read" >> not-here.txt
fi`,
    `They have new ids: what names one by its id, such as the options of a foreign server, needs the new one. One whose \`secret\` is null
could not be opened by the role that made the backup: create it anew with \`vault.create_secret\`.`,
  ];
}
