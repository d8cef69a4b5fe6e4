. .ci/lib.sh
counted examples "$work/examples.txt" npm run --silent test -w examples
finish
