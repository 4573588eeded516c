open_artifact «largeObjectsName» | without_commands | sql --set=ON_ERROR_STOP=on > /dev/null || fail "the large objects cannot be loaded"
