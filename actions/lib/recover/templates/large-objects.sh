open_artifact «largeObjectsName» | { pg_restore --exit-on-error --no-password --dbname="$TARGET" && cat > /dev/null; }
