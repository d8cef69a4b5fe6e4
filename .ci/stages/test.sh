. .ci/lib.sh
# The README's own command: with nothing but the clone, Node and npm.
counted tests "$work/vitest.txt" npm test
finish
