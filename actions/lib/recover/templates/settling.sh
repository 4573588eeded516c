cron_jobs
open_artifact inventory.json.zst.pgp | sql --file=settle.sql
sql --command='set client_min_messages = error' --command='set statement_timeout = 0' --command='analyze'
echo "refused: $(grep -c 'ERROR:' errors.txt || true) statements (errors.txt)"
