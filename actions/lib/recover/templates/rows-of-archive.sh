  open_artifact database.sql.zst.pgp < /dev/null | entries rows one.oid
