open_artifact «sequencesName» | without_commands | sql > /dev/null 2>> errors.txt
