«# Vault's secrets have an artifact of their own (`isVaultSecrets`).»
(t ->> 'schema' = 'vault' and t ->> 'name' = 'secrets' and t ->> 'carried' = 'false')
