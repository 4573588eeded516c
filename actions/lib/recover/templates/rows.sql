«# Under these settings rows go in: triggers and keys are silent, and the text is read as it was written.»
«pins»
«session.sql»
set row_security = off;
set session_replication_role = replica;
