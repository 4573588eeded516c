create temporary table list (line text);
\copy list from program 'sed "s/\\\\/\\\\\\\\/g" all.ndjson'
set session_replication_role = replica;
update storage.objects o
   set owner_id = w.line->>'ownerId', created_at = (w.line->>'createdAt')::timestamptz,
       updated_at = (w.line->>'updatedAt')::timestamptz, user_metadata = nullif(w.line->'userMetadata', 'null')
  from (select line::jsonb as line from list) w
 where o.bucket_id = w.line->>'bucket' and o.name = w.line->>'name' and w.line ? 'createdAt';
