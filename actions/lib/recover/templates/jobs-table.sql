«# For the rows of cron.job, whichever of its columns pg_cron had at the source.»
create temp table job (jobid bigint, schedule text, command text, nodename text, nodeport int, database text,
  username text, active boolean, jobname text);
